import { type ActorLogic, assign, not, or, type Snapshot, setup, stateIn } from 'xstate';
import type { FaultKind } from '../src/arch/fault.ts';
import type { Mark } from '../src/kernel/marks.ts';

/** What is known of a CPU before it has power. */
export interface CpuInput {
  readonly cpu: number;
  readonly isBootCpu: boolean;
  /** It is powered on only after the system's capabilities are final. */
  readonly isLate: boolean;
  /** It has BBML2_NOABORT. */
  readonly qualifies: boolean;
}

export interface CpuContext extends CpuInput {
  /** Whether the system, its capabilities final, counts on BBML2_NOABORT. A late CPU is told; nobody else asks. */
  readonly reliesOnBbml2: boolean | 'unknown';
  readonly interrupts: number;
  readonly stops: number;
  readonly splits: number;
}

/** A milestone that the running program marks, by its own name. */
export type MarkEvent = { readonly [M in Mark]: { readonly type: M } }[Mark];

/** What the driver of the CPU has to say. */
export type DriverEvent =
  | { readonly type: 'power.on' | 'power.off' | 'interrupt.raised' }
  /** For a late CPU, between power.on and its feature marks: the system's final answer. */
  | { readonly type: 'capabilities.known'; readonly reliesOnBbml2: boolean }
  | { readonly type: 'fault.taken'; readonly kind: FaultKind; readonly fault: string }
  | { readonly type: 'cpu.hung'; readonly waitingFor: string }
  /** The orderly end. */
  | { readonly type: 'cpu.stopped' };

export type CpuEvent = MarkEvent | DriverEvent | { readonly type: 'xstate.done.actor.boot'; readonly output: unknown };

/**
 * A program as its chart sees it: entering the state starts it, and it stands until whoever runs it sends it
 * `program.finished`. Provide the five programs as `{ ...standing, start: (snapshot, { self }) => ... }`.
 */
export type ProgramEvent = { readonly type: 'program.finished' };
export type ProgramLogic = ActorLogic<Snapshot<undefined>, ProgramEvent, { readonly cpu: number }>;

export const standing: ProgramLogic = {
  getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  transition: (snapshot, { type }) =>
    type === 'program.finished' ? { status: 'done', output: undefined, error: undefined } : snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
};

const ownCpu = ({ context }: { context: CpuContext }): { readonly cpu: number } => ({ cpu: context.cpu });

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
export const cpuMachine = setup({
  types: {
    input: {} as CpuInput,
    context: {} as CpuContext,
    events: {} as CpuEvent,
    tags: {} as 'ended' | 'failed',
    /** How `statePath` names a state: only what is inside it, without what is inside it, or not at all. */
    meta: {} as { readonly lane: 'through' | 'whole' | 'quiet' },
  },
  actors: {
    bootProgram: standing,
    bringUpProgram: standing,
    idleProgram: standing,
    workProgram: standing,
    stopperProgram: standing,
  },
  guards: {
    isBootCpu: ({ context }) => context.isBootCpu,
    isSecondary: ({ context }) => !context.isBootCpu,
    isEarlySecondary: ({ context }) => !context.isBootCpu && !context.isLate,
    isLate: ({ context }) => context.isLate,
    mayComeUpLate: ({ context }) => context.isLate && (context.qualifies || context.reliesOnBbml2 === false),
    lacksWhatTheSystemReliesOn: ({ context }) => context.isLate && !context.qualifies && context.reliesOnBbml2 === true,
    faultIs: ({ event }, params: { readonly kind: FaultKind }) =>
      event.type === 'fault.taken' && event.kind === params.kind,
    takesInterrupts: not(or([stateIn('#stop.irqsOff'), stateIn('#stop.run')])),
    wasCalledAgain: stateIn('#handling.again'),
    isCalledToStop: stateIn('#handling'),
    stopsTheOthers: or([stateIn('#repainting'), stateIn('#running')]),
    isNotSplitting: not(stateIn('#leaves.splitting')),
    isLeaving: stateIn('#leaving'),
    isNotRepainting: not(stateIn('#repainting')),
    hasLeftTheStop: stateIn('#stop.exit'),
    stopperIsGone: not(stateIn('#handling')),
    mayUseTheIdmap: or([stateIn('#parking.called'), not(stateIn('#stop.run'))]),
    isToPark: stateIn('#parking.leavingSwapper'),
    isNotToPark: not(stateIn('#parking.leavingSwapper')),
  },
  actions: {
    learnTheAnswer: assign(({ event }) =>
      event.type === 'capabilities.known' ? { reliesOnBbml2: event.reliesOnBbml2 } : {},
    ),
    countInterrupt: assign({ interrupts: ({ context }) => context.interrupts + 1 }),
    countStop: assign({ stops: ({ context }) => context.stops + 1 }),
    countSplit: assign({ splits: ({ context }) => context.splits + 1 }),
    fallAsleep: () => {},
  },
}).createMachine({
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
        booting: {
          on: { 'capabilities.known': { guard: 'isLate', actions: 'learnTheAnswer' } },
          initial: 'starting',
          states: {
            starting: { on: { 'cpu.started': 'detecting' } },
            detecting: { on: { 'features.detected': 'detected' } },
            detected: {
              on: {
                'linearMap.painted': { guard: 'isBootCpu', target: 'painted' },
                'cpu.online': { guard: 'isEarlySecondary', target: '#online' },
                'features.accepted': { guard: 'mayComeUpLate', target: 'accepted' },
                'features.refused': { guard: 'lacksWhatTheSystemReliesOn', target: '#refused' },
              },
            },
            painted: { on: { 'cpu.online': '#online' } },
            accepted: { id: 'accepted', on: { 'cpu.online': '#online' } },
          },
        },

        returning: {
          on: { 'capabilities.known': { guard: 'isLate', actions: 'learnTheAnswer' } },
          initial: 'starting',
          states: {
            starting: { on: { 'cpu.started': 'detecting' } },
            detecting: { on: { 'features.detected': 'detected' } },
            detected: { on: { 'features.accepted': '#accepted' } },
          },
        },

        refused: {
          id: 'refused',
          initial: 'telling',
          states: {
            telling: { on: { 'xstate.done.actor.boot': 'parked' } },
            parked: { tags: 'ended' },
          },
        },

        online: {
          id: 'online',
          type: 'parallel',
          states: {
            task: {
              initial: 'settling',
              states: {
                settling: {
                  on: {
                    'xstate.done.actor.boot': [{ guard: 'isBootCpu', target: 'bringingUp' }, { target: 'idle' }],
                  },
                },
                bringingUp: {
                  invoke: { src: 'bringUpProgram', id: 'bringUp', input: ownCpu, onDone: 'idle' },
                  initial: 'secondaries',
                  states: {
                    secondaries: { on: { 'smp.broughtUp': 'finalising' } },
                    finalising: { on: { 'capabilities.finalised': 'deciding' } },
                    deciding: { on: { 'repaint.notNeeded': 'settled', 'repaint.started': 'repainting' } },
                    repainting: {
                      id: 'repainting',
                      meta: { lane: 'whole' },
                      initial: 'stopping',
                      states: {
                        stopping: { always: { guard: 'hasLeftTheStop', target: 'stopped' } },
                        stopped: { on: { 'repaint.finished': '#settled' } },
                      },
                    },
                    settled: { id: 'settled', on: { 'system.running': 'started' } },
                    started: {},
                  },
                },
                idle: {
                  invoke: { src: 'idleProgram', id: 'idle', input: ownCpu, onDone: 'running' },
                  on: { 'cpu.idle': { actions: 'fallAsleep' } },
                },
                running: {
                  id: 'running',
                  invoke: { src: 'workProgram', id: 'work', input: ownCpu, onDone: 'done' },
                  type: 'parallel',
                  states: {
                    work: {
                      initial: 'beginning',
                      states: {
                        beginning: { on: { 'work.started': 'working' } },
                        working: { on: { 'work.finished': { guard: 'isNotSplitting', target: 'ending' } } },
                        ending: { on: { 'work.started': 'working' } },
                      },
                    },
                    leaves: {
                      id: 'leaves',
                      initial: 'whole',
                      states: {
                        whole: {
                          meta: { lane: 'quiet' },
                          on: {
                            'split.started': { target: 'splitting', actions: 'countSplit' },
                            'cpuDown.started': 'hotplugging',
                            'cpuUp.started': 'hotplugging',
                          },
                        },
                        splitting: { on: { 'split.finished': 'whole' } },
                        hotplugging: { on: { 'cpuDown.finished': 'whole', 'cpuUp.finished': 'whole' } },
                      },
                    },
                  },
                },
                done: {},
              },
            },

            interrupts: {
              meta: { lane: 'quiet' },
              initial: 'listening',
              states: {
                listening: {
                  on: {
                    'interrupt.raised': { guard: 'takesInterrupts', target: 'handling', actions: 'countInterrupt' },
                  },
                },
                handling: {
                  id: 'handling',
                  invoke: {
                    src: 'stopperProgram',
                    id: 'stopper',
                    input: ownCpu,
                    onDone: [{ guard: 'wasCalledAgain', target: 'handling', reenter: true }, { target: 'listening' }],
                  },
                  on: {
                    'interrupt.raised': { guard: 'takesInterrupts', target: '.again', actions: 'countInterrupt' },
                  },
                  initial: 'once',
                  states: { once: {}, again: {} },
                },
              },
            },

            stop: {
              id: 'stop',
              initial: 'inactive',
              states: {
                inactive: {
                  meta: { lane: 'quiet' },
                  on: {
                    'stopMachine.prepare': [
                      { guard: 'isCalledToStop', target: 'prepare', actions: 'countStop' },
                      { guard: 'stopsTheOthers', target: 'prepare', actions: 'countStop' },
                    ],
                  },
                },
                prepare: { on: { 'stopMachine.irqsOff': 'irqsOff' } },
                irqsOff: { on: { 'stopMachine.run': 'run' } },
                run: {
                  initial: 'deciding',
                  states: {
                    deciding: {
                      on: {
                        'cpu.dying': { guard: 'isSecondary', target: 'dying' },
                        'repaint.painting': { guard: 'isBootCpu', target: 'painting' },
                        'repaint.parking': { guard: 'isSecondary', target: 'parking' },
                        'stopMachine.exit': { guard: 'isNotRepainting', target: '#stop.exit' },
                      },
                    },
                    dying: { on: { 'stopMachine.exit': '#leaving' } },
                    painting: {
                      initial: 'waiting',
                      states: {
                        waiting: { on: { 'repaint.everybodyParked': 'splitting' } },
                        splitting: { on: { 'repaint.painted': 'flushing' } },
                        flushing: { on: { 'repaint.flushed': 'releasing' } },
                        releasing: { on: { 'repaint.released': 'painted' } },
                        painted: { on: { 'stopMachine.exit': '#stop.exit' } },
                      },
                    },
                    parking: {
                      id: 'parking',
                      initial: 'called',
                      states: {
                        called: { on: { 'idmap.installed': 'leavingSwapper' } },
                        leavingSwapper: { on: { 'repaint.parked': 'parked' } },
                        parked: { on: { 'repaint.leaving': 'restoring' } },
                        restoring: { on: { 'idmap.uninstalled': 'restored' } },
                        restored: { on: { 'stopMachine.exit': '#stop.exit' } },
                      },
                    },
                  },
                },
                leaving: { id: 'leaving' },
                exit: {
                  always: { guard: 'stopperIsGone', target: 'inactive' },
                  on: { 'stopMachine.prepare': { guard: 'isCalledToStop', target: 'prepare', actions: 'countStop' } },
                },
              },
            },

            translation: {
              initial: 'swapper',
              states: {
                swapper: {
                  meta: { lane: 'quiet' },
                  on: { 'idmap.installed': { guard: 'mayUseTheIdmap', target: 'idmap' } },
                },
                idmap: {
                  meta: { lane: 'whole' },
                  initial: 'swapperStillInTtbr1',
                  states: {
                    swapperStillInTtbr1: {
                      on: {
                        'repaint.parked': { guard: 'isToPark', target: 'reserved' },
                        'idmap.uninstalled': { guard: 'isNotToPark', target: '#online.translation.swapper' },
                      },
                    },
                    reserved: { on: { 'repaint.leaving': 'swapperAgain' } },
                    swapperAgain: { on: { 'idmap.uninstalled': '#online.translation.swapper' } },
                  },
                },
              },
            },
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
