import { describe, expect, test } from 'vitest';
import { type Exploration, type Interleaver, interleaverOf } from '../../../src/explore/interleaver.ts';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { pct, stepsOf } from '../../../src/explore/strategy/pct.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import { type Strategy, search } from '../../../src/explore/strategy/search.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { splitLeaf, splitTwins } from '../../../src/scenario/split/split.ts';

/** The board of its own, or the one that the explorer takes for it. */
function explorer(scenario: Scenario, cpus = 4): Interleaver {
  const whole = typeof scenario.board === 'string' ? boardPresets.get('one-block')! : (scenario.board as Board);
  const board = resizedBoard(whole, { cpus });
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  const exploration: Exploration = {
    board,
    scenario,
    kernel,
    work: briefWork,
    from: 'brought-up',
    mostPoints: 20_000,
  };
  return interleaverOf(exploration);
}

const depth = 3;
const strategies: readonly [string, (interleaver: Interleaver, seed: number) => Strategy][] = [
  ['random', (_, seed) => uniform(seed)],
  ['pct', (it, seed) => pct({ seed, cpus: it.lanes.length, depth, steps: stepsOf(it) })],
];

describe.each(strategies)('%s schedules', (_, strategy) => {
  test.each([2, 3, 4])('of split-leaf violate nothing, and are dangerous: %i CPUs', (cpus) => {
    const interleaver = explorer(splitLeaf, cpus);
    let dangerous = 0;
    const { found, givenUp } = search(interleaver, strategy(interleaver, 1), 0, 400, () => {
      if (interleaver.counts().bothSizesCached > 0) dangerous++;
    });
    expect(found?.run.violations).toBeUndefined();
    expect(givenUp).toBe(0);
    expect(dangerous).toBeGreaterThan(100);
  });

  test.each(splitTwins)('of $name come to $expect, and to nothing else first', (twin) => {
    const interleaver = explorer(twin);
    for (const seed of [1, 2, 3]) {
      const { found } = search(interleaver, strategy(interleaver, seed), 0, 2000);
      expect(found?.run.violations[0]?.property, `seed ${seed}`).toBe(twin.expect);
    }
  });
});

test.each([[2, 1]])(
  'no schedule of split-leaf on %i CPUs with at most %i preemptions violates anything',
  (cpus, preemptions) => {
    const interleaver = explorer(splitLeaf, cpus);
    const strategy = bounded(interleaver, { preemptions, hardwareActs: 0, chances: 0 });
    const { found, exhausted, schedules } = search(interleaver, strategy, 0, Infinity);
    expect(found?.run.violations).toBeUndefined();
    expect(exhausted).toBe(true);
    expect(schedules).toBeGreaterThan(50);
  },
  60_000,
);
