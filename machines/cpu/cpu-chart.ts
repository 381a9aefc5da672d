import { type ActorLogic, assign, not, or, type Snapshot, setup, stateIn } from 'xstate';
import type { FaultKind } from '../../src/arch/fault.ts';
import type { Mark } from '../../src/kernel/marks.ts';

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

export const ownCpu = ({ context }: { context: CpuContext }): { readonly cpu: number } => ({ cpu: context.cpu });

/** What the chart of a CPU is made of, and asks: its regions are in the files beside this one. */
export const cpuChart = setup({
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
    stopsTheOthers: or([stateIn('#repainting'), stateIn('#running'), stateIn('#hotpluggingEarly')]),
    isNotSplitting: not(stateIn('#leaves.splitting')),
    isLeaving: stateIn('#leaving'),
    /** A repaint of its own it stops for in a thread; in a handler it is stopped by somebody else. */
    isNotRepainting: or([not(stateIn('#repainting')), stateIn('#handling')]),
    hasPainted: stateIn('#painted'),
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
    loseItsTasks: () => {},
    countSplit: assign({ splits: ({ context }) => context.splits + 1 }),
  },
});
