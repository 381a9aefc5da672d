import { describe, expect, test } from 'vitest';
import { type Interleaver, interleaverOf } from '../../../src/explore/interleaver.ts';
import { replaying } from '../../../src/explore/replay.ts';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { pct, stepsOf } from '../../../src/explore/strategy/pct.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import { type Strategy, search } from '../../../src/explore/strategy/search.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG, type KernelConfig, RELEASED } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { fourBlocks } from '../../../src/scenario/vmalloc/area-ram.ts';
import { setMemory } from '../../../src/scenario/vmalloc/set-memory.ts';
import { setMemoryTwins } from '../../../src/scenario/vmalloc/set-memory-twins.ts';
import { vmallocInTurns, vmallocTwins } from '../../../src/scenario/vmalloc/vmalloc.ts';

function explorer(scenario: Scenario, cpus = 4, config: Partial<KernelConfig> = {}): Interleaver {
  const board = resizedBoard(fourBlocks, { cpus });
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel, ...config };
  return interleaverOf({ board, scenario, kernel, work: briefWork, from: 'brought-up', mostPoints: 20_000 });
}

const strategies: readonly [string, (interleaver: Interleaver, seed: number) => Strategy][] = [
  ['random', (_, seed) => uniform(seed)],
  ['pct', (it, seed) => pct({ seed, cpus: it.lanes.length, depth: 3, steps: stepsOf(it) })],
];

describe.each(strategies)('%s schedules', (_, strategy) => {
  test.each([vmallocInTurns, setMemory])('of $name violate nothing', (scenario) => {
    const interleaver = explorer(scenario);
    const { found, givenUp } = search(interleaver, strategy(interleaver, 1), 0, 30);
    expect(found?.run.violations).toBeUndefined();
    expect(givenUp).toBe(0);
  });

  test.each([...vmallocTwins, ...setMemoryTwins])('of $name come to $expect, and to nothing else first', (twin) => {
    const interleaver = explorer(twin);
    for (const seed of [1, 2]) {
      const { found } = search(interleaver, strategy(interleaver, seed), 0, 20);
      expect(found?.run.violations[0]?.property, `seed ${seed}`).toBe(twin.expect);
    }
  });
});

test('no schedule of vmalloc on 2 CPUs with one preemption violates anything', () => {
  const interleaver = explorer(vmallocInTurns, 2);
  const strategy = bounded(interleaver, { preemptions: 1, hardwareActs: 0, chances: 0 });
  const { found, exhausted, schedules } = search(interleaver, strategy, 0, Infinity);
  expect(found?.run.violations).toBeUndefined();
  expect(exhausted).toBe(true);
  expect(schedules).toBeGreaterThan(50);
});

test.each([...RELEASED, 'rox-rfc'] as const)(
  'set-memory violates nothing in %s, whoever protects aliases',
  (revision) => {
    for (const rodata of ['full', 'noalias', 'off'] as const) {
      const { found } = search(explorer(setMemory, 3, { revision, rodata }), uniform(1), 0, 10);
      expect(found?.run.violations, rodata).toBeUndefined();
    }
  },
);

test('a run that is stopped in the middle of an area leaves nothing to the next: it can be made again', () => {
  const interleaver = explorer(vmallocTwins[1]!);
  const first = interleaver.run(uniform(1).decide(0)!);
  const again = interleaver.run(replaying(first.decisions));
  expect(again.violations).toEqual(first.violations);
  expect(again.decisions).toEqual(first.decisions);
});
