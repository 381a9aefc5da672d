import { describe, expect, it } from 'vitest';
import type { Interleaver } from '../../../src/explore/interleaver.ts';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { exhaustive, NO_BOUNDS } from '../../../src/explore/strategy/exhaustive.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import type { Checkpoint } from '../../../src/explore/strategy/tree-search.ts';
import { loadAdd } from '../../../src/hardware/instruction/load-store.ts';
import {
  adder,
  increment,
  type Litmus,
  litmus,
  messagePassing,
  runAll,
  runBounded,
  storeBuffering,
  word,
} from '../litmus.ts';

function times(count: number, program: Litmus): Litmus[] {
  return Array.from({ length: count }, () => program);
}

/** Orders of `threads` sequences of `steps` each: (threads * steps)! / (steps!)^threads. */
function interleavings(threads: number, steps: number): number {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  return factorial(threads * steps) / factorial(steps) ** threads;
}

const SHAPES = [
  [2, 1],
  [2, 2],
  [2, 3],
  [3, 1],
  [3, 2],
  [4, 1],
] as const;

describe('an exhaustive search', () => {
  it.each(SHAPES)('of %i CPUs with %i steps that all conflict runs every order of them', (threads, steps) => {
    const { classes, redundant, finished } = runAll(times(threads, adder(steps, true)));
    expect({ classes, redundant, finished }).toEqual({
      classes: interleavings(threads, steps),
      redundant: 0,
      finished: true,
    });
  });

  it.each([...SHAPES, [4, 4] as const])('of %i CPUs with %i independent steps runs one order', (threads, steps) => {
    const { classes, redundant, finished } = runAll(times(threads, adder(steps, false)));
    expect({ classes, redundant, finished }).toEqual({ classes: 1, redundant: 0, finished: true });
  });

  it.each([
    [2, 1],
    [2, 2],
    [2, 3],
    [3, 1],
  ] as const)('of %i CPUs with %i steps runs every schedule where nothing is reduced', (threads, steps) => {
    const bounds = { ...NO_BOUNDS, reduction: 'none' } as const;
    const { classes, finished } = runAll(times(threads, adder(steps, false)), bounds);
    // A program's way to its first step is an act of its own.
    expect({ classes, finished }).toEqual({ classes: interleavings(threads, steps + 1), finished: true });
  });
});

describe('store buffering through table entries', () => {
  it('lets both CPUs miss the other store: each store leaves before or after the other looks', () => {
    const { classes, outcomes } = runAll(times(2, storeBuffering(false)));
    expect({ classes, outcomes }).toEqual({ classes: 4, outcomes: ['0 0', '0 1', '1 0', '1 1'] });
  });

  it('does not with a DSB between: three orders, and each store leaves by itself or by its DSB', () => {
    const { classes, outcomes } = runAll(times(2, storeBuffering(true)));
    expect({ classes, outcomes }).toEqual({ classes: 12, outcomes: ['0 1', '1 0', '1 1'] });
  });
});

describe('message passing through a table entry', () => {
  it('can see the flag and not the entry', () => {
    const { classes, outcomes } = runAll(times(2, messagePassing(false)));
    expect({ classes, outcomes }).toEqual({ classes: 4, outcomes: ['0 0', '0 1', '1 0', '1 1'] });
  });

  it('cannot with a DSB between', () => {
    const { classes, outcomes } = runAll(times(2, messagePassing(true)));
    expect({ classes, outcomes }).toEqual({ classes: 6, outcomes: ['0 0', '0 1', '1 1'] });
  });
});

describe('two CPUs that increment a counter', () => {
  it('without a lock can lose one: who reads before whose write, and who writes last', () => {
    const { classes, outcomes } = runAll(times(2, increment(false)));
    expect({ classes, outcomes }).toEqual({ classes: 4, outcomes: ['0 0', '0 1', '1 0'] });
  });

  it('under a lock lose none: who comes first, and whether the other has to wait', () => {
    const { classes, outcomes } = runAll(times(2, increment(true)));
    expect({ classes, outcomes }).toEqual({ classes: 4, outcomes: ['0 1', '1 0'] });
  });
});

describe('a preemption-bounded search', () => {
  /** Who does its k-th addition when, in all schedules with at most so many preemptions. */
  function orders(threads: number, steps: number, preemptions: number): Set<string> {
    const found = new Set<string>();
    const go = (order: number[], left: number[], last: number, budget: number): void => {
      if (left.every((acts) => acts === 0)) {
        // An act before its first addition only brings a CPU there.
        const done = left.map(() => 0);
        const additions = order.filter((cpu) => done[cpu]!++ > 0);
        const seen: number[][] = left.map(() => []);
        for (const [at, cpu] of additions.entries()) seen[cpu]!.push(at);
        found.add(seen.flat().join(' '));
        return;
      }
      for (const [cpu, acts] of left.entries()) {
        const cost = cpu !== last && left[last]! > 0 ? 1 : 0;
        if (acts === 0 || cost > budget) continue;
        go([...order, cpu], left.with(cpu, acts - 1), cpu, budget - cost);
      }
    };
    go(
      [],
      Array.from({ length: threads }, () => steps + 1),
      0,
      preemptions,
    );
    return found;
  }

  /** Additions to a word that all share: what each returns says when it came. */
  function teller(steps: number): Litmus {
    return function* (cpu, k, registers) {
      for (let i = 0; i < steps; i++) registers.push(Number(yield* loadAdd(cpu, word(k, 0), 1n)));
    };
  }

  it.each([
    [2, 2, 0],
    [2, 2, 1],
    [2, 3, 1],
    [2, 3, 2],
    [2, 3, 9],
    [3, 1, 1],
    [3, 2, 0],
    [3, 2, 1],
    [3, 2, 2],
  ])('of %i CPUs with %i steps and %i preemptions comes to every order there is', (threads, steps, preemptions) => {
    const { outcomes, finished } = runBounded(times(threads, teller(steps)), { preemptions });
    expect(finished).toBe(true);
    expect(outcomes).toEqual([...orders(threads, steps, preemptions)].sort());
  });

  it.each([
    ['store buffering', storeBuffering],
    ['message passing', messagePassing],
    ['increments', increment],
  ] as const)('without bounds comes to every outcome of %s, with and without its barrier or lock', (_, program) => {
    for (const safe of [false, true]) {
      const all = runAll(times(2, program(safe)));
      const { outcomes, finished } = runBounded(times(2, program(safe)), {});
      expect({ outcomes, finished }).toEqual({ outcomes: all.outcomes, finished: true });
    }
  });

  it('lets the hardware act no more often than it is told', () => {
    const { outcomes } = runBounded(times(2, storeBuffering(false)), { hardwareActs: 0 });
    expect(outcomes).toEqual(['0 0']); // no store leaves before both CPUs are done
    const once = runBounded(times(2, storeBuffering(false)), { hardwareActs: 1 });
    expect(once.outcomes).toEqual(['0 0', '0 1', '1 0']);
  });
});

describe('a search that is left off', () => {
  const small = [increment(true), increment(true), increment(false)];
  const strategies = [
    ['dfs', (at: Interleaver, from?: Checkpoint) => exhaustive(at, NO_BOUNDS, from)],
    [
      'bounded',
      (at: Interleaver, from?: Checkpoint) => bounded(at, { preemptions: 3, hardwareActs: 1, chances: 1 }, from),
    ],
  ] as const;

  it.each(strategies)('goes on where it was, on another day: %s', (_, strategyOf) => {
    const whole = litmus(small);
    const uninterrupted = strategyOf(whole.interleaver);
    const outcomes: string[] = [];
    search(whole.interleaver, uninterrupted, 0, 100_000, () => outcomes.push(whole.outcome()));
    expect(uninterrupted.complete()).toBeGreaterThan(20);

    const pieces: string[] = [];
    let left: Checkpoint | undefined;
    for (let day = 0; left === undefined || !left.finished; day++) {
      const { interleaver, outcome } = litmus(small);
      const strategy = strategyOf(interleaver, left);
      const from = left?.schedules ?? 0;
      search(interleaver, strategy, from, from + 1 + day, () => pieces.push(outcome()));
      left = JSON.parse(JSON.stringify(strategy.checkpoint())) as Checkpoint;
    }
    expect(pieces).toEqual(outcomes);
    expect([left.complete, left.schedules]).toEqual([uninterrupted.complete(), outcomes.length]);
  });
});
