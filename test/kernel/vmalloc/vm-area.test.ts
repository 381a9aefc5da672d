import { describe, expect, test } from 'vitest';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { allocVmapArea } from '../../../src/kernel/vmalloc/vm-area.ts';
import { bootAll, interleave } from '../interleaved.ts';

function* keep(into: number[], op: Op<number>): Op {
  into.push(yield* op);
}

describe('CPUs that want addresses at once', () => {
  test('get different ones', () => {
    const board = resizedBoard(defaultBoard, { cpus: 3, memoryBytes: 2 ** 28 });
    for (let seed = 1; seed <= 8; seed++) {
      const { cpus, kernels } = bootAll(board, {}, seed);
      const got: number[] = [];
      interleave(
        cpus.map((cpu, id) => keep(got, allocVmapArea(cpu, kernels[id]!))),
        seed,
      );
      expect(new Set(got).size).toBe(3);
      expect(Math.min(...got)).toBeGreaterThanOrEqual(0);
    }
  });
});
