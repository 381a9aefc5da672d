import { expect, test } from 'vitest';
import { interleaverOf } from '../../../src/explore/interleaver.ts';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import { execmem } from '../../../src/scenario/execmem/execmem.ts';
import { execmemPair } from '../../../src/scenario/execmem/execmem-pair.ts';

test.each([
  [execmem, 500],
  [execmemPair, 20],
])(
  'no schedule of $name on two CPUs with at most one preemption violates anything',
  (scenario, least) => {
    const board = resizedBoard(scenario.board as Board, { cpus: 2 });
    const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
    const exploration = { board, scenario, kernel, work: briefWork, mostPoints: 100_000 };
    const interleaver = interleaverOf({ ...exploration, from: 'brought-up' });
    const strategy = bounded(interleaver, { preemptions: 1, hardwareActs: 0, chances: 0 });
    const { found, exhausted, schedules } = search(interleaver, strategy, 0, Number.POSITIVE_INFINITY);
    expect(found?.run.violations).toBeUndefined();
    expect(exhausted).toBe(true);
    expect(schedules).toBeGreaterThan(least);
  },
  600_000,
);
