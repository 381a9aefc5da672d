import { describe, expect, test } from 'vitest';
import { granules } from '../../../src/hardware/board/board.ts';
import { allocatedFrames, FRAME_TABLE } from '../../../src/hardware/memory/frame.ts';
import { REVISIONS } from '../../../src/kernel/config.ts';
import { tablesToSplit } from '../../../src/scenario/repaint/out-of-tables.ts';
import { outOfMemory, repaint } from '../../../src/scenario/repaint/repaint.ts';
import { bootAll } from '../../kernel/interleaved.ts';
import { repainted, sized } from '../repainted.ts';

const MEMORY = { '4K': 3 * 2 ** 30, '16K': 2 ** 29, '64K': 2 ** 31 } as const;

describe.each(granules)('how many tables the split will take, %s granule', (granule) => {
  test.each(REVISIONS.filter((revision) => revision !== 'v5'))('is as many as it does, %s', (revision) => {
    const board = sized('asymmetric-8', { cpus: 2, granule, memoryBytes: MEMORY[granule] });
    const kernel = { revision };
    const before = bootAll(board, kernel, 1);
    const after = repainted(board, { ...repaint, kernel }, 1);
    const grown = allocatedFrames(after.machine.memory).now - allocatedFrames(before.machine.memory).now;
    expect(grown).toBeGreaterThan(1);
    expect(tablesToSplit(before.machine.memory, before.kernels[0]!)).toBe(grown);
    expect(tablesToSplit(after.machine.memory, after.kernels[0]!)).toBe(0);
  });
});

test('the repaint gets as far as chance has it, and never to its end', () => {
  const board = sized('tiny-2', {});
  const tables = Array.from({ length: 24 }, (_, seed) => {
    const { machine, died } = repainted(board, outOfMemory, seed);
    expect(died).toBe('Kernel panic - not syncing: Failed to split linear map');
    return machine.memory.frameState.filter((state) => state === FRAME_TABLE).length;
  });
  expect(new Set(tables).size).toBeGreaterThan(6);
});
