import { assign, fromPromise, not, setup, stateIn } from 'xstate';

export interface SoakInput {
  /** How many rounds; without it, until time is over. */
  readonly rounds?: number;
  /** Rounds that an earlier, interrupted soak has done. */
  readonly done?: number;
}

export interface SoakContext {
  readonly rounds: number;
  readonly done: number;
  readonly inconclusive: number;
}

export type SoakEvent =
  | { readonly type: 'soak.started' }
  /** From the round under way: its board is made; its programs have ended. */
  | { readonly type: 'round.prepared' }
  | { readonly type: 'round.acted' }
  /** No new round begins; the one under way goes on. */
  | { readonly type: 'soak.paused' }
  | { readonly type: 'soak.resumed' }
  | { readonly type: 'soak.cancelled' }
  | { readonly type: 'time.over' };

export type RoundVerdict = 'good' | 'violated' | 'inconclusive';

/** What a round has: a number of its own, from 0, and at the end a verdict. */
export interface RoundInput {
  readonly round: number;
}

export interface SummaryInput {
  readonly done: number;
  readonly inconclusive: number;
}

/**
 * Rounds, one after another, until there have been enough, time is over, or one of them finds a violation.
 *
 *   idle -- soak.started --> running
 *       round   next > under way {round}: preparing > acting > judging > next
 *     | pace    going <> holding
 *   running -- enough rounds, time.over, soak.cancelled --> summarising {summary} > done
 *   running -- a round's verdict is `violated` --> failed;  a round or the summary rejects --> broken
 *
 * Leaving `running` stops the round under way: its actor is told by its abort signal.
 */
export const soakMachine = setup({
  types: {
    input: {} as SoakInput,
    context: {} as SoakContext,
    events: {} as SoakEvent,
    meta: {} as { readonly lane: 'quiet' },
    output: {} as { readonly done: number; readonly inconclusive: number },
  },
  actors: {
    round: fromPromise<RoundVerdict, RoundInput>(() => new Promise(() => {})),
    summary: fromPromise<void, SummaryInput>(async () => {}),
  },
  guards: {
    enoughRounds: ({ context }) => context.done >= context.rounds,
    mayGoOn: not(stateIn('#pace.holding')),
    foundViolation: (_, params: { readonly verdict: RoundVerdict }) => params.verdict === 'violated',
    reachedNoVerdict: (_, params: { readonly verdict: RoundVerdict }) => params.verdict === 'inconclusive',
  },
  actions: {
    countRound: assign({ done: ({ context }) => context.done + 1 }),
    countInconclusive: assign({ inconclusive: ({ context }) => context.inconclusive + 1 }),
  },
}).createMachine({
  id: 'soak',
  context: ({ input }) => ({
    rounds: input.rounds ?? Number.POSITIVE_INFINITY,
    done: input.done ?? 0,
    inconclusive: 0,
  }),
  output: ({ context }) => ({ done: context.done, inconclusive: context.inconclusive }),
  initial: 'idle',
  states: {
    idle: { on: { 'soak.started': 'running', 'soak.cancelled': 'done' } },
    running: {
      type: 'parallel',
      on: { 'time.over': 'summarising', 'soak.cancelled': 'summarising' },
      states: {
        round: {
          initial: 'next',
          states: {
            next: {
              always: [
                { guard: 'enoughRounds', target: '#summarising' },
                { guard: 'mayGoOn', target: 'underWay' },
              ],
            },
            underWay: {
              invoke: {
                src: 'round',
                id: 'round',
                input: ({ context }) => ({ round: context.done }),
                onDone: [
                  {
                    guard: { type: 'foundViolation', params: ({ event }) => ({ verdict: event.output }) },
                    target: '#failed',
                    actions: 'countRound',
                  },
                  {
                    guard: { type: 'reachedNoVerdict', params: ({ event }) => ({ verdict: event.output }) },
                    target: 'next',
                    actions: ['countRound', 'countInconclusive'],
                  },
                  { target: 'next', actions: 'countRound' },
                ],
                onError: '#broken',
              },
              initial: 'preparing',
              states: {
                preparing: { on: { 'round.prepared': 'acting' } },
                acting: { on: { 'round.acted': 'judging' } },
                judging: {},
              },
            },
          },
        },
        pace: {
          id: 'pace',
          initial: 'going',
          states: {
            going: { meta: { lane: 'quiet' }, on: { 'soak.paused': 'holding' } },
            holding: { on: { 'soak.resumed': 'going' } },
          },
        },
      },
    },
    summarising: {
      id: 'summarising',
      invoke: {
        src: 'summary',
        id: 'summary',
        input: ({ context }) => ({ done: context.done, inconclusive: context.inconclusive }),
        onDone: 'done',
        onError: 'broken',
      },
    },
    done: { type: 'final' },
    failed: { id: 'failed', type: 'final' },
    broken: { id: 'broken', type: 'final' },
  },
});
