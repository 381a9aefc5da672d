import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { outOfTables } from '../../../src/scenario/repaint/out-of-tables.ts';
import { preemptRt, preemptRtAllocation } from '../../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { expectCaught, expectGood, explorer } from '../explored.ts';

test('preempt-rt violates nothing', () => expectGood(preemptRt, 100, 3));

test('repaint/preempt-rt-allocation comes to context, and to nothing else first', () =>
  expectCaught(preemptRtAllocation));

test('where tables were taken before the stop it is no matter that there are none left', () => {
  const starved: Scenario = { ...preemptRt, text: (good) => outOfTables(preemptRt.text!(good)) };
  expect(explorer(starved).run(randomly(1)).violations).toEqual([]);
});

test('tables that were taken and not needed are given back', () => {
  const inTables = (scenario: Scenario): number => {
    const it = explorer(scenario);
    expect(it.run(randomly(1)).verdict).toBe('good');
    return allocatedFrames(it.machine.memory).now;
  };
  expect(inTables(preemptRt)).toBe(inTables({ ...preemptRtAllocation, kernel: {} }));
});
