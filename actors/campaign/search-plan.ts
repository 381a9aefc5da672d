import type { ExplorationPlan } from './exploration.ts';
import type { StrategyName, StrategyOptions } from './strategies.ts';

/** A search as a worker is told of it, once: what is explored, and who decides. */
export interface SearchPlan {
  readonly exploration: ExplorationPlan;
  readonly strategy: StrategyName;
  readonly options: StrategyOptions;
  readonly keepGoing: boolean;
  /** What schedules cover is wanted, too. */
  readonly coverage: boolean;
  /** Where an exhaustive search is left off and gone on with. */
  readonly checkpointFile?: string;
  /** Shared words: the schedule the search ends before, then for each job how many schedules it has run. */
  readonly words: Int32Array<SharedArrayBuffer>;
}

export const WORD_ENDS_BEFORE = 0;
export const WORD_BEATS = 1;
/** Schedules are numbered below this. */
export const MOST_SCHEDULES = 2 ** 31 - 1;
