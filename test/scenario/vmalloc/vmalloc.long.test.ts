import { expect, test } from 'vitest';
import { interleaverOf } from '../../../src/explore/interleaver.ts';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import { fourBlocks } from '../../../src/scenario/vmalloc/area-ram.ts';
import { setMemory } from '../../../src/scenario/vmalloc/set-memory.ts';
import { vmallocInTurns } from '../../../src/scenario/vmalloc/vmalloc.ts';

/** Every schedule within the bounds, on two CPUs: preemptions, and acts of the hardware by itself. */
test.each([
  [vmallocInTurns, 2, 0],
  [vmallocInTurns, 0, 1],
  [setMemory, 2, 0],
  [setMemory, 0, 1],
] as const)(
  'no schedule violates anything: %#',
  (scenario, preemptions, hardwareActs) => {
    const board = resizedBoard(fourBlocks, { cpus: 2 });
    const interleaver = interleaverOf({
      board,
      scenario,
      kernel: DEFAULT_CONFIG,
      work: briefWork,
      from: 'brought-up',
      mostPoints: 20_000,
    });
    const strategy = bounded(interleaver, { preemptions, hardwareActs, chances: 0 });
    const { found, exhausted, schedules } = search(interleaver, strategy, 0, Infinity);
    expect(found?.run.violations).toBeUndefined();
    expect(exhausted).toBe(true);
    expect(schedules).toBeGreaterThan(1000);
  },
  400_000,
);
