import type { Interleaver } from '../../src/explore/interleaver.ts';
import { uniform } from '../../src/explore/random.ts';
import type { Strategy } from '../../src/explore/search.ts';

/** The strategies by name: what each depends on, and how it is made. One line here plugs one in. */

/** What a strategy may be told. */
export interface StrategyOptions {
  readonly seed: number;
}

export interface StrategyKind {
  /** Schedule `index` of a seed is the same whoever runs it, so that schedules can be shared out and made again. */
  readonly numbered: boolean;
  /** What it depends on beside the seed, as a token carries it. */
  readonly parameters: (options: StrategyOptions, interleaver: Interleaver) => readonly number[];
  readonly make: (seed: number, parameters: readonly number[]) => Strategy;
}

const KINDS = {
  random: { numbered: true, parameters: () => [], make: (seed) => uniform(seed) },
} as const satisfies Readonly<Record<string, StrategyKind>>;

export type StrategyName = keyof typeof KINDS;
export const STRATEGIES: Readonly<Record<StrategyName, StrategyKind>> = KINDS;
export const STRATEGY_NAMES = Object.keys(KINDS) as StrategyName[];
