import type { RunSize } from '../../src/explore/account.ts';
import type { Interleaved } from '../../src/explore/interleaver.ts';
import { shrink } from '../../src/explore/shrink.ts';
import type { Board } from '../../src/hardware/board.ts';
import { loadScenario } from '../thread/scenario-loader.ts';
import { type ExplorationPlan, explorationOf } from './exploration.ts';

/** A worker that makes one failing run small. */

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

export default async function shrinkRun({ plan, run }: ShrinkTask): Promise<ShrunkRun> {
  // The charts of a board fit no smaller one; they judge the result.
  const exploration = explorationOf(plan, await loadScenario(plan.reference));
  const { found, before, after, runs, exploration: smaller } = shrink(exploration, run);
  return { board: smaller.board, answers: found.decisions.answers, before, after, runs };
}
