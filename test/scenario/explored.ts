import { expect } from 'vitest';
import { type Exploration, type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { bounded } from '../../src/explore/strategy/bounded.ts';
import { pct, stepsOf } from '../../src/explore/strategy/pct.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Scenarios in all orders that a strategy thinks of: on the board of their own, or on one block. */
export function explorer(scenario: Scenario, cpus?: number): Interleaver {
  const own = typeof scenario.board === 'string' ? boardPresets.get('one-block')! : scenario.board;
  const board = resizedBoard(own, { cpus });
  const exploration: Exploration = {
    board,
    scenario,
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
    work: briefWork,
    from: 'brought-up',
    mostPoints: 20_000,
  };
  return interleaverOf(exploration);
}

/** Neither at random nor by PCT does any of `schedules` violate anything. */
export function expectGood(scenario: Scenario, schedules: number, cpus?: number): void {
  const it = explorer(scenario, cpus);
  for (const strategy of [uniform(1), pct({ seed: 1, cpus: it.lanes.length, depth: 3, steps: stepsOf(it) })]) {
    const { found, givenUp } = search(it, strategy, 0, schedules);
    expect(found?.run.violations).toBeUndefined();
    expect(givenUp).toBe(0);
  }
}

/** Both find what the twin expects, and nothing else first. */
export function expectCaught(twin: Scenario, seeds = [1, 2, 3], cpus?: number): void {
  const it = explorer(twin, cpus);
  for (const seed of seeds)
    for (const strategy of [uniform(seed), pct({ seed, cpus: it.lanes.length, depth: 3, steps: stepsOf(it) })]) {
      const { found } = search(it, strategy, 0, 2000);
      expect(found?.run.violations[0]?.property, `seed ${seed}`).toBe(twin.expect);
    }
}

/** All schedules with so few preemptions, and tame hardware, violate nothing. */
export function expectGoodWithin(scenario: Scenario, preemptions: number, cpus = 2): void {
  const it = explorer(scenario, cpus);
  const { found, exhausted, schedules } = search(
    it,
    bounded(it, { preemptions, hardwareActs: 0, chances: 0 }),
    0,
    Infinity,
  );
  expect(found?.run.violations).toBeUndefined();
  expect(exhausted).toBe(true);
  expect(schedules).toBeGreaterThan(10);
}
