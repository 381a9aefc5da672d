import { describe, expect, it } from 'vitest';
import { NO_BOUNDS } from '../../src/explore/exhaustive.ts';
import { adder, increment, type Litmus, messagePassing, runAll, storeBuffering } from './litmus.ts';

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
