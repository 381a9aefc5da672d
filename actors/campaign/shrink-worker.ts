import type { RunSize } from '../../src/explore/explain/account.ts';
import { type Explanation, explain } from '../../src/explore/explain/explain.ts';
import { type Shrunk, shrink } from '../../src/explore/explain/shrink.ts';
import type { Interleaved } from '../../src/explore/interleaver.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { loadScenario } from '../thread/scenario-loader.ts';
import { type ExplorationPlan, explorationOf } from './exploration.ts';

/** A worker that makes one failing run small, and then finds out what it lacks. */

export interface ShrinkTask {
  readonly plan: ExplorationPlan;
  readonly run: Interleaved;
}

/** The same failure, smaller. */
export interface ShrunkRun {
  readonly board: Board;
  readonly answers: readonly number[];
  readonly before: RunSize;
  readonly after: RunSize;
  /** Runs it took. */
  readonly runs: number;
}

/** Of the run that was made small last. */
export const EXPLAIN = 'explain';

let small: Shrunk | undefined;

export default async function work(task: ShrinkTask | typeof EXPLAIN): Promise<ShrunkRun | Explanation> {
  if (task === EXPLAIN) return explain(small!);
  const { plan, run } = task;
  // The charts of a board fit no smaller one; they judge the result.
  small = shrink(explorationOf(plan, await loadScenario(plan.reference)), run);
  const { found, before, after, runs, exploration } = small;
  return { board: exploration.board, answers: found.decisions.answers, before, after, runs };
}
