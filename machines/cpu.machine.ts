import { booting, refused, returning } from './cpu/booting.ts';
import { cpuChart, ownCpu } from './cpu/cpu-chart.ts';
import { interrupts } from './cpu/interrupts.ts';
import { stop } from './cpu/stop.ts';
import { task } from './cpu/task.ts';
import { translation } from './cpu/translation.ts';

/**
 * One CPU. Braces name the program that a state invokes; `|` separates regions that go on at the same time.
 *
 *   off -- power.on --> powered {boot} -- power.off --> away -- power.on --> powered.returning
 *     booting    starting > detecting > detected > painted (boot CPU), accepted (late CPU)
 *       |  \---- features.refused ----> refused    telling > parked
 *       v cpu.online                       returning  starting > detecting > detected > booting.accepted
 *     online
 *       task         settling > bringingUp {bringUp}, boot CPU only > idle {idle} > running {work} > done
 *                      bringingUp    secondaries > finalising > deciding > repainting > settled > started
 *                      running       beginning > working > ending | whole <> splitting, hotplugging
 *     | interrupts   listening <> handling {stopper}
 *     | stop         inactive > prepare > irqsOff > run > exit > inactive, or dying > leaving
 *                      run    deciding > painting    waiting > splitting > flushing > releasing > painted
 *                                      > parking     called > leavingSwapper > parked > restoring > restored
 *     | translation  swapper <> idmap    swapperStillInTtbr1 > reserved > swapperAgain
 *   powered -- fault.taken, cpu.panicked, cpu.hung, cpu.stopped --> faulted, panicked, hung, offline
 *
 * A program is not over when it marks its last milestone: a CPU that is online still has to say so to whoever waits for
 * it. So `boot` belongs to `powered`, and `stopper` to a region of its own, which the phases of the stop do not leave.
 *
 * An event is accepted when one region accepts it. Where two regions know an event and only one may decide, the guard
 * of the other asks where the first one stands.
 */
export const cpuMachine = cpuChart.createMachine({
  id: 'cpu',
  context: ({ input }) => ({ ...input, reliesOnBbml2: 'unknown', interrupts: 0, stops: 0, splits: 0 }),
  initial: 'off',
  states: {
    off: { on: { 'power.on': 'powered' } },

    powered: {
      meta: { lane: 'through' },
      invoke: { src: 'bootProgram', id: 'boot', input: ownCpu },
      on: {
        'fault.taken': [
          { guard: { type: 'faultIs', params: { kind: 'translation' } }, target: 'faulted.translation' },
          { guard: { type: 'faultIs', params: { kind: 'permission' } }, target: 'faulted.permission' },
          { guard: { type: 'faultIs', params: { kind: 'tlb-conflict' } }, target: 'faulted.conflict' },
          { target: 'faulted.other' },
        ],
        'power.off': { guard: 'isLeaving', target: 'away' },
        'cpu.panicked': 'panicked',
        'cpu.hung': 'hung',
        'cpu.stopped': 'offline',
      },
      initial: 'booting',
      states: {
        booting,
        returning,
        refused,
        online: {
          id: 'online',
          type: 'parallel',
          states: {
            task,
            interrupts,
            stop,
            translation,
          },
        },
      },
    },

    faulted: {
      tags: ['ended', 'failed'],
      initial: 'other',
      states: { translation: {}, permission: {}, conflict: {}, other: {} },
    },
    panicked: { tags: ['ended', 'failed'] },
    hung: { tags: ['ended', 'failed'] },
    offline: { tags: 'ended' },
    away: { on: { 'power.on': 'powered.returning' } },
  },
});
