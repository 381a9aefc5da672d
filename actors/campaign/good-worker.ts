import { bounded } from '../../src/explore/strategy/bounded.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { scenarioNamed } from '../../src/scenario/catalogue.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { type ExplorationPlan, explorerOf, MOST_POINTS } from './exploration.ts';
import { exploredBoard } from './explored-board.ts';

/** A worker of the pool: puts good scenarios to the proof, a part at a time. */

/** Random schedules `from` up to `to`, or all there are on two CPUs with one preemption and so many acts of the hardware. */
export type GoodTask = { readonly name: string } & (
  | { readonly kind: 'random'; readonly from: number; readonly to: number }
  | { readonly kind: 'bounded'; readonly acts: number }
);

/** What a good scenario went through without a complaint. */
export interface Proof {
  /** Run to their end. */
  readonly schedules: number;
  readonly points: number;
  /** Nothing is left within the bounds; of random schedules there is always more. */
  readonly exhausted: boolean;
}

/** Points after which a bounded search is left as it is: some minutes. */
const MOST_SEARCHED = 10_000_000;

/** Throws where anything is violated, or a schedule is given up. */
export default function proved(task: GoodTask): Proof {
  const { name } = task;
  const scenario = scenarioNamed(name)!;
  if (task.kind === 'random') {
    const { found, givenUp, points } = search(explorerOf(goodPlan(scenario), scenario), uniform(1), task.from, task.to);
    complain(name, found?.run.violations[0]?.message);
    if (givenUp > 0) throw new Error(`${name}: ${givenUp} schedules were given up`);
    return { schedules: task.to - task.from, points, exhausted: false };
  }
  const pair = explorerOf(goodPlan(scenario, 2), scenario);
  const all = bounded(pair, { preemptions: 1, hardwareActs: task.acts, chances: 0 });
  let points = 0;
  while (points < MOST_SEARCHED) {
    const some = search(pair, all, 0, 1);
    complain(name, some.found?.run.violations[0]?.message);
    if (some.exhausted) return { schedules: all.complete(), points, exhausted: true };
    points += some.points;
  }
  return { schedules: all.complete(), points, exhausted: false };
}

function complain(name: string, message: string | undefined): void {
  if (message !== undefined) throw new Error(`${name}: ${message}`);
}

/** On the board that the explorer takes, or as much of it as has `cpus` CPUs. */
export function goodPlan(scenario: Scenario, cpus?: number): ExplorationPlan {
  const board = exploredBoard(scenario);
  return {
    reference: { name: scenario.name },
    board: resizedBoard(board, { cpus }),
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
    from: 'brought-up',
    mostPoints: MOST_POINTS,
    charts: 'tables',
  };
}
