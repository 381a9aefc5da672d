import { describe, expect, test } from 'vitest';
import { ACTS, type Decide, SPECULATE, STEP } from '../../../src/explore/decide.ts';
import { type Pct, pct, pctBound } from '../../../src/explore/strategy/pct.ts';

const SCHEDULES = 4000;

/**
 * The order in which CPUs take their steps: CPU `i` has `steps[i]` of them, all independent. `byItself`: the hardware may
 * always act, too; its acts are written as -1.
 */
function orderOf(decide: Decide, steps: readonly number[], byItself = false): number[] {
  const left = [...steps];
  const actors = new Int32Array(steps.length + 1);
  const order: number[] = [];
  for (let last = 0; left.some((count) => count > 0); ) {
    const ready = left.flatMap((count, cpu) => (count > 0 ? [cpu] : []));
    ready.sort((a, b) => Number(b === last) - Number(a === last) || a - b);
    const cpus = ready.length;
    for (const [i, cpu] of ready.entries()) actors[i] = cpu * ACTS + STEP;
    actors[cpus] = SPECULATE;
    const answer = decide.next({ actors, cpus, count: cpus + Number(byItself) });
    const cpu = answer < cpus ? ready[answer]! : -1;
    order.push(cpu);
    if (cpu < 0) continue;
    left[cpu]!--;
    last = cpu;
  }
  return order;
}

function share(settings: Pct, steps: readonly number[], isMet: (order: readonly number[]) => boolean): number {
  const { decide } = pct(settings);
  let met = 0;
  for (let index = 0; index < SCHEDULES; index++) if (isMet(orderOf(decide(index)!, steps))) met++;
  return met / SCHEDULES;
}

const switches = (order: readonly number[]): number =>
  order.filter((cpu, at) => at > 0 && cpu !== order[at - 1]).length;

describe('PCT', () => {
  test('of depth 1 lets each CPU run to its end, in every order about as often', () => {
    const seen = new Map<string, number>();
    const { decide } = pct({ seed: 1, cpus: 3, depth: 1, steps: 15 });
    for (let index = 0; index < SCHEDULES; index++) {
      const order = orderOf(decide(index)!, [5, 5, 5]);
      expect(switches(order)).toBe(2);
      const key = order.join('');
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(count / SCHEDULES).toBeCloseTo(1 / 6, 1);
  });

  test.each([1, 2, 3, 5])('of depth %i preempts once less than that, and no more', (depth) => {
    const { decide } = pct({ seed: 2, cpus: 2, depth, steps: 20 });
    let most = 0;
    for (let index = 0; index < SCHEDULES; index++)
      most = Math.max(most, switches(orderOf(decide(index)!, [10, 10])) - 1);
    expect(most).toBe(depth - 1);
  });

  test('meets a bug of depth 2, one preemption at one certain step, at least as often as it says', () => {
    const settings = { seed: 3, cpus: 2, depth: 2, steps: 20 };
    const bound = pctBound(settings);
    expect(bound).toBe(1 / 40);
    // CPU 1 does all of its work between steps `at` and `at + 1` of CPU 0.
    for (const at of [1, 4, 9]) {
      const between = (order: readonly number[]): boolean =>
        order.slice(0, at).every((cpu) => cpu === 0) && order.slice(at, at + 10).every((cpu) => cpu === 1);
      expect(share(settings, [10, 10], between)).toBeGreaterThan(bound * 0.85);
    }
  });

  test('meets a bug of depth 3, two preemptions at two certain steps, at least as often as it says', () => {
    const settings = { seed: 4, cpus: 2, depth: 3, steps: 8 };
    const bound = pctBound(settings);
    expect(bound).toBe(1 / 128);
    const twice = (order: readonly number[]): boolean => order.join('').startsWith('001100');
    expect(share(settings, [4, 4], twice)).toBeGreaterThan(bound * 0.85);
  });

  test('lets the hardware act by itself one time in four', () => {
    const { decide } = pct({ seed: 5, cpus: 2, depth: 3, steps: 200 });
    let [acts, all] = [0, 0];
    for (let index = 0; index < 100; index++) {
      const order = orderOf(decide(index)!, [100, 100], true);
      acts += order.filter((cpu) => cpu < 0).length;
      all += order.length;
    }
    expect(acts / all).toBeCloseTo(1 / 4, 1);
  });

  test('lets the others go on when one waits in a loop', () => {
    const { decide } = pct({ seed: 6, cpus: 2, depth: 1, steps: 10 });
    for (let index = 0; index < 50; index++) {
      const order = orderOf(decide(index)!, [1000, 10]);
      expect(order.lastIndexOf(1)).toBeLessThan(30);
    }
  });

  test('decides the same schedule of the same seed the same way, and another one otherwise', () => {
    const settings = { seed: 7, cpus: 3, depth: 4, steps: 30 };
    const order = (seed: number, index: number): string =>
      orderOf(pct({ ...settings, seed }).decide(index)!, [10, 10, 10], true).join(' ');
    expect(order(7, 3)).toBe(order(7, 3));
    expect(order(7, 3)).not.toBe(order(7, 4));
    expect(order(7, 3)).not.toBe(order(8, 3));
  });
});
