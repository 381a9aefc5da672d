import { and, assign, not, or, setup, stateIn } from 'xstate';
import type { Mark } from '../src/kernel/marks.ts';

export interface SystemInput {
  readonly cpus: number;
  /** CPUs that are powered on only after the capabilities are final. */
  readonly lateCpus: readonly number[];
}

export interface SystemContext extends SystemInput {
  readonly online: number;
  readonly refused: number;
  /** Taken down, and not back. */
  readonly away: number;
  readonly parked: number;
  readonly left: number;
  readonly finished: number;
  readonly violations: number;
}

/**
 * The marks of all CPUs, in the one order of the machine's mark log. A mark precedes the store that tells other CPUs of
 * it, so that no CPU can be seen to act on a milestone that is not in the log yet.
 */
export type SystemEvent =
  | { readonly type: Mark; readonly cpu: number }
  | { readonly type: 'violation.found' }
  /** Every program of every CPU has come to its end. */
  | { readonly type: 'everybody.finished' }
  /** What must hold at rest was looked at. */
  | { readonly type: 'rest.checked' }
  | { readonly type: 'time.over' };

const BOOT_CPU = 0;

/** What the other marks say concerns one CPU, whose own chart judges it. */
const SYSTEM_WIDE: ReadonlySet<string> = new Set<SystemEvent['type']>([
  'cpu.started',
  'cpu.online',
  'features.refused',
  'smp.broughtUp',
  'capabilities.finalised',
  'repaint.notNeeded',
  'repaint.started',
  'repaint.parked',
  'repaint.everybodyParked',
  'repaint.released',
  'repaint.leaving',
  'repaint.finished',
  'system.running',
  'work.started',
  'work.finished',
  'cpuDown.started',
  'cpu.dying',
  'cpuDown.finished',
  'cpuUp.started',
  'cpuUp.finished',
  'everybody.finished',
  'rest.checked',
]);

/**
 * The life of the board.
 *
 *   off > up > quiescing -- rest.checked --> verdict.good
 *   up
 *     boot     starting > bootCpuUp > secondariesUp > finalised > notRepainted ------------------------> running
 *                                                       \------> repainting > repainted > (late CPUs) ---^
 *                                                                stopping > painting > releasing
 *   | hotplug  steady > takingDown > dying > steady       one CPU, by whoever holds cpu_hotplug_lock for writing
 *                     > bringingUp > returning > returned > steady
 *   anywhere -- violation.found --> verdict.violated, -- time.over --> verdict.inconclusive
 *
 * Nobody is taken down before all early CPUs are up, nor while one is parked; nobody comes back before the system runs.
 * Marks that concern one CPU only are always accepted and passed over.
 */
export const systemMachine = setup({
  types: {
    input: {} as SystemInput,
    context: {} as SystemContext,
    events: {} as SystemEvent,
    tags: {} as 'ended',
    /** See `statePath`. */
    meta: {} as { readonly lane: 'through' | 'whole' | 'quiet' },
  },
  guards: {
    byBootCpu: ({ event }) => cpuOf(event) === BOOT_CPU,
    bySecondary: ({ event }) => cpuOf(event) !== BOOT_CPU,
    byEarlySecondary: ({ context, event }) =>
      cpuOf(event) !== BOOT_CPU && !isLate(context, event) && context.online < earlyCpus(context),
    byLateCpu: ({ context, event }) => isLate(context, event),
    byUndecidedLateCpu: ({ context, event }) => isLate(context, event) && decided(context) < context.cpus,
    bySomebodyStillIn: ({ context, event }) => cpuOf(event) !== BOOT_CPU && context.left < context.parked,
    everyEarlyCpuIsUp: ({ context }) => context.online === earlyCpus(context),
    mayPark: and([
      stateIn('#steady'),
      ({ context, event }) => cpuOf(event) !== BOOT_CPU && context.parked < context.online - 1,
    ]),
    everybodyElseIsParked: and([stateIn('#steady'), ({ context }) => context.parked === context.online - 1]),
    everybodyHasLeft: ({ context }) => context.left === context.parked,
    mayTakeDown: and([
      not(or([stateIn('#starting'), stateIn('#bootCpuUp')])),
      ({ context }) => context.left === context.parked,
    ]),
    mayBringBack: and([stateIn('#running'), ({ context }) => context.away > 0]),
    somebodyElseIsOnline: ({ context, event }) => cpuOf(event) !== BOOT_CPU && context.online > 1,
    everyLateCpuIsDecided: ({ context }) => decided(context) === context.cpus,
    runsAndNobodyComesOrGoes: and([stateIn('#running'), stateIn('#steady')]),
    concernsOneCpu: ({ event }) => !SYSTEM_WIDE.has(event.type),
  },
  actions: {
    countOnline: assign({ online: ({ context }) => context.online + 1 }),
    countAway: assign({ online: ({ context }) => context.online - 1, away: ({ context }) => context.away + 1 }),
    countBack: assign({ online: ({ context }) => context.online + 1, away: ({ context }) => context.away - 1 }),
    countNotBack: assign({ refused: ({ context }) => context.refused + 1, away: ({ context }) => context.away - 1 }),
    countRefused: assign({ refused: ({ context }) => context.refused + 1 }),
    countParked: assign({ parked: ({ context }) => context.parked + 1 }),
    countLeft: assign({ left: ({ context }) => context.left + 1 }),
    countFinished: assign({ finished: ({ context }) => context.finished + 1 }),
    countViolation: assign({ violations: ({ context }) => context.violations + 1 }),
    passOver: () => {},
  },
}).createMachine({
  id: 'system',
  context: ({ input }) => ({
    ...input,
    online: 0,
    refused: 0,
    away: 0,
    parked: 0,
    left: 0,
    finished: 0,
    violations: 0,
  }),
  on: {
    'violation.found': { target: '.verdict.violated', actions: 'countViolation' },
    'time.over': '.verdict.inconclusive',
    '*': { guard: 'concernsOneCpu', actions: 'passOver' },
  },
  initial: 'off',
  states: {
    off: { on: { 'cpu.started': { guard: 'byBootCpu', target: 'up' } } },
    up: {
      meta: { lane: 'through' },
      type: 'parallel',
      on: { 'everybody.finished': { guard: 'runsAndNobodyComesOrGoes', target: 'quiescing' } },
      states: {
        boot: {
          meta: { lane: 'through' },
          initial: 'starting',
          states: {
            starting: {
              id: 'starting',
              on: { 'cpu.online': { guard: 'byBootCpu', target: 'bootCpuUp', actions: 'countOnline' } },
            },
            bootCpuUp: {
              id: 'bootCpuUp',
              on: {
                'cpu.started': { guard: 'byEarlySecondary', actions: 'passOver' },
                'cpu.online': { guard: 'byEarlySecondary', actions: 'countOnline' },
                'smp.broughtUp': { guard: 'everyEarlyCpuIsUp', target: 'secondariesUp' },
              },
            },
            secondariesUp: { on: { 'capabilities.finalised': 'finalised' } },
            finalised: { on: { 'repaint.notNeeded': 'settled.notRepainted', 'repaint.started': 'repainting' } },
            repainting: {
              initial: 'stopping',
              states: {
                stopping: {
                  on: {
                    'repaint.parked': { guard: 'mayPark', actions: 'countParked' },
                    'repaint.everybodyParked': { guard: 'everybodyElseIsParked', target: 'painting' },
                  },
                },
                painting: { on: { 'repaint.released': 'releasing' } },
                releasing: {
                  on: {
                    'repaint.leaving': { guard: 'bySomebodyStillIn', actions: 'countLeft' },
                    'repaint.finished': { guard: 'everybodyHasLeft', target: '#settled.repainted' },
                  },
                },
              },
            },
            settled: {
              id: 'settled',
              on: {
                'cpu.started': { guard: 'byLateCpu', actions: 'passOver' },
                'cpu.online': { guard: 'byUndecidedLateCpu', actions: 'countOnline' },
                'features.refused': { guard: 'byUndecidedLateCpu', actions: 'countRefused' },
                'system.running': { guard: 'everyLateCpuIsDecided', target: 'running' },
              },
              initial: 'notRepainted',
              states: { notRepainted: {}, repainted: {} },
            },
            running: {
              id: 'running',
              on: {
                'work.started': { actions: 'passOver' },
                'work.finished': { actions: 'countFinished' },
              },
            },
          },
        },
        hotplug: {
          initial: 'steady',
          states: {
            steady: {
              id: 'steady',
              meta: { lane: 'quiet' },
              on: {
                'cpuDown.started': { guard: 'mayTakeDown', target: 'takingDown' },
                'cpuUp.started': { guard: 'mayBringBack', target: 'bringingUp' },
              },
            },
            takingDown: { on: { 'cpu.dying': { guard: 'somebodyElseIsOnline', target: 'dying' } } },
            dying: { on: { 'cpuDown.finished': { target: 'steady', actions: 'countAway' } } },
            bringingUp: { on: { 'cpu.started': { guard: 'bySecondary', target: 'returning' } } },
            returning: {
              on: {
                'cpu.online': { guard: 'bySecondary', target: 'returned', actions: 'countBack' },
                'features.refused': { guard: 'byLateCpu', target: 'returned', actions: 'countNotBack' },
              },
            },
            returned: { on: { 'cpuUp.finished': 'steady' } },
          },
        },
      },
    },
    quiescing: { id: 'quiescing', on: { 'rest.checked': 'verdict.good' } },
    verdict: {
      tags: 'ended',
      on: { 'violation.found': { target: '.violated', actions: 'countViolation' }, '*': { actions: 'passOver' } },
      initial: 'inconclusive',
      states: { good: {}, violated: {}, inconclusive: {} },
    },
  },
});

function cpuOf(event: SystemEvent): number {
  return 'cpu' in event ? event.cpu : -1;
}

function isLate(context: SystemContext, event: SystemEvent): boolean {
  return context.lateCpus.includes(cpuOf(event));
}

const earlyCpus = ({ cpus, lateCpus }: SystemContext): number => cpus - lateCpus.length;

/** Online, refused, or gone after that: of so many CPUs it is known what became of them. */
const decided = ({ online, refused, away }: SystemContext): number => online + refused + away;
