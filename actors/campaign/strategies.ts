import type { Collector } from '../../src/explore/coverage/coverage.ts';
import type { Interleaver } from '../../src/explore/interleaver.ts';
import { bounded } from '../../src/explore/strategy/bounded.ts';
import { exhaustive } from '../../src/explore/strategy/exhaustive.ts';
import { novel } from '../../src/explore/strategy/novel.ts';
import { pct, pctBound, stepsOf } from '../../src/explore/strategy/pct.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import type { Strategy } from '../../src/explore/strategy/search.ts';
import type { Checkpoint } from '../../src/explore/strategy/tree-search.ts';

/** The strategies by name: what each depends on, how it is made, what it is worth. One line here plugs one in. */

/** What a strategy may be told. */
export interface StrategyOptions {
  readonly seed: number;
  /** Orderings between CPUs that a bug takes. */
  readonly depth: number;
  /** In one schedule, at most: CPUs that take over from one that could go on. */
  readonly preemptions: number;
  /** In one schedule, at most: acts of the hardware by itself. */
  readonly acts: number;
  /** In one schedule, at most: answers of chance that are not the tame one. */
  readonly chances: number;
}

/** A search that has found nothing. */
export interface Fruitless {
  readonly schedules: number;
  readonly cpus: number;
  readonly exhausted: boolean;
  readonly parameters: readonly number[];
}

export interface StrategyKind {
  /** Schedule `index` of a seed is the same whoever runs it, so that schedules can be shared out and made again. */
  readonly numbered: boolean;
  /** It comes to an end by itself, when it has tried all that there is within its bounds. */
  readonly finite: boolean;
  /** It goes by what has been covered, and somebody must collect that. */
  readonly steers: boolean;
  /** The options that it looks at, beside the seed. */
  readonly asks: readonly (keyof StrategyOptions)[];
  /** What it depends on beside the seed, as a token carries it. */
  readonly parametersOf: (options: StrategyOptions, interleaver: Interleaver) => readonly number[];
  /** `from`: where an exhaustive search goes on. */
  readonly make: (
    interleaver: Interleaver,
    seed: number,
    parameters: readonly number[],
    from?: Checkpoint,
    collector?: Collector,
  ) => Strategy & { readonly checkpoint?: () => Checkpoint };
  /** What it is worth that nothing was found, in words. */
  readonly worth: (fruitless: Fruitless) => string;
}

const KINDS = {
  random: {
    numbered: true,
    finite: false,
    steers: false,
    asks: [],
    parametersOf: () => [],
    make: (_, seed) => uniform(seed),
    worth: () => 'drawn at random: no bound on what the schedules that were not drawn may do',
  },
  pct: {
    numbered: true,
    finite: false,
    steers: false,
    asks: ['depth'],
    parametersOf: ({ depth }, interleaver) => [depth, stepsOf(interleaver)],
    make: ({ lanes }, seed, [depth = 1, steps = 1]) => pct({ seed, cpus: lanes.length, depth, steps }),
    worth: pctWorth,
  },
  novel: {
    numbered: false,
    finite: false,
    steers: true,
    asks: [],
    parametersOf: () => [],
    make: (_, seed, __, ___, collector) => novel(seed, collector!),
    worth: () =>
      'steered towards what few schedules had met: no bound on what the schedules that were not drawn may do',
  },
  bounded: {
    numbered: false,
    finite: true,
    steers: false,
    asks: ['preemptions', 'acts', 'chances'],
    parametersOf: ({ preemptions, acts, chances }) => [acts, chances, preemptions],
    make: (interleaver, _, [hardwareActs = 0, chances = 0, preemptions = 0], from) =>
      bounded(interleaver, { preemptions, hardwareActs, chances }, from),
    worth: boundsWorth,
  },
  dfs: {
    numbered: false,
    finite: true,
    steers: false,
    asks: ['acts', 'chances'],
    parametersOf: ({ acts, chances }) => [acts, chances],
    make: (interleaver, _, [hardwareActs = 0, chances = 0], from) =>
      exhaustive(interleaver, { hardwareActs, chances }, from),
    worth: boundsWorth,
  },
} as const satisfies Readonly<Record<string, StrategyKind>>;

function pctWorth({ schedules, cpus, parameters: [depth = 1, steps = 1] }: Fruitless): string {
  const bound = pctBound({ cpus, depth, steps });
  const missed = (1 - bound) ** schedules;
  const orderings = depth === 1 ? '1 ordering' : `${depth} orderings`;
  return [
    `a bug that takes ${orderings} of the ${cpus} CPUs in runs of ${steps} steps is met by one schedule with a probability`,
    `of at least 1/(${cpus} x ${steps}^${depth - 1}) = ${bound.toPrecision(3)}, so all ${schedules.toLocaleString('en-US')}`,
    `miss it with one of at most ${(100 * missed).toPrecision(3)}%; if the hardware must do its part by chance too, with more`,
  ].join(' ');
}

function boundsWorth({ exhausted, parameters: [acts = 0, chances = 0, preemptions] }: Fruitless): string {
  const bounds = [
    ...(preemptions === undefined ? [] : [counted(preemptions, 'preemption')]),
    `${counted(acts, 'act')} of the hardware by itself`,
    `${counted(chances, 'answer')} of chance other than the tame one`,
  ].join(', ');
  return exhausted
    ? `no schedule with at most ${bounds} violates anything; of those that differ only in the order of independent acts, one was run`
    : `not finished: of the schedules with at most ${bounds}, some were not run, and nothing is known of them`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export type StrategyName = keyof typeof KINDS;
export const STRATEGIES: Readonly<Record<StrategyName, StrategyKind>> = KINDS;
export const STRATEGY_NAMES = Object.keys(KINDS) as StrategyName[];
