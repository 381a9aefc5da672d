import { bounded } from '../../src/explore/strategy/bounded.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { scenarioNamed } from '../../src/scenario/catalogue.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { type ExplorationPlan, explorerOf, MOST_POINTS } from './exploration.ts';
import { exploredBoard } from './explored-board.ts';

/** A worker of the pool: puts good scenarios to the proof, one after the other. */

export interface GoodTask {
  readonly name: string;
  readonly schedules: number;
}

/** What a good scenario went through without a complaint. */
export interface Proof {
  readonly cpus: number;
  readonly random: { readonly schedules: number; readonly points: number };
  /** On two CPUs, with at most one preemption: run to the end, and cut short. */
  readonly bounded: { readonly complete: number; readonly cut: number };
}

const BOUNDS = { preemptions: 1, hardwareActs: 0, chances: 0 };

/** Throws where anything is violated, or a search does not come to its end. */
export default function proved({ name, schedules }: GoodTask): Proof {
  const scenario = scenarioNamed(name)!;
  const plan = planOf(scenario);
  const random = search(explorerOf(plan, scenario), uniform(1), 0, schedules);
  complain(name, random.found?.run.violations[0]?.message);
  if (random.givenUp > 0) throw new Error(`${name}: ${random.givenUp} schedules were given up`);
  const pair = explorerOf(planOf(scenario, 2), scenario);
  const all = bounded(pair, BOUNDS);
  const { found, exhausted } = search(pair, all, 0, Number.POSITIVE_INFINITY);
  complain(name, found?.run.violations[0]?.message);
  if (!exhausted) throw new Error(`${name}: the bounded search did not come to its end`);
  return {
    cpus: plan.board.cpus.length,
    random: { schedules: random.schedules, points: random.points },
    bounded: { complete: all.complete(), cut: all.redundant() },
  };
}

function complain(name: string, message: string | undefined): void {
  if (message !== undefined) throw new Error(`${name}: ${message}`);
}

function planOf(scenario: Scenario, cpus?: number): ExplorationPlan {
  const board = exploredBoard(scenario);
  const resized = cpus === undefined ? undefined : resizeBoard(board, { cpus });
  if (resized?.ok === false) throw new Error(resized.problems.join('; '));
  return {
    reference: { name: scenario.name },
    board: resized?.ok ? resized.board : board,
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
    from: 'brought-up',
    mostPoints: MOST_POINTS,
    charts: 'tables',
  };
}
