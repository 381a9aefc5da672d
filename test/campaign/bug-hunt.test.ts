import { describe, expect, test } from 'vitest';
import { type HuntPlan, hunt, medianOf } from '../../actors/campaign/bug-hunt.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { noFlush, repaint } from '../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { oneBlock } from '../explore/known-bugs.ts';

const explored = (scenario: Scenario): HuntPlan['bad'] => ({
  reference: { name: scenario.name },
  board: oneBlock(2),
  kernel: DEFAULT_CONFIG,
  from: 'brought-up',
  mostPoints: 10_000,
  charts: 'tables',
});
const plan: HuntPlan = {
  bad: explored(noFlush),
  fixed: explored(repaint),
  seed: 1,
  seeds: 3,
  schedules: 50,
  least: 5,
  depth: 3,
};

describe('a hunt', () => {
  test('finds the bug from every seed and strategy, and puts the fix to as many schedules', () => {
    const { random, pct, fixed, shown } = hunt(plan, noFlush, repaint);
    expect([random.took, pct.took]).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    expect([random.properties, pct.properties]).toEqual([['stale'], ['stale']]);
    expect(shown).toMatchObject({ hunter: 'random', seed: 1, found: { index: 0 } });
    expect(fixed).toEqual({ schedules: 2 * 3 * 5 });
  });

  test('notices that there is no bug, and that a fix is none', () => {
    const { random, shown, fixed } = hunt({ ...plan, bad: plan.fixed, fixed: plan.bad }, repaint, noFlush);
    expect(random.took).toEqual([undefined, undefined, undefined]);
    expect(shown).toBeUndefined();
    expect(fixed.violation).toMatchObject({ property: 'stale' });
  });
});

test('the median counts a seed that did not find it as more than any that did', () => {
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(medianOf([5, undefined, 7])).toBe(7);
  expect(medianOf([5, undefined, undefined])).toBeUndefined();
});
