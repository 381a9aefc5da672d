import { describe, expect, test } from 'vitest';
import type { Op } from '../../../src/hardware/op.ts';
import { allocVmapArea } from '../../../src/kernel/vmalloc/vm-area.ts';
import { bootSmall, interleave } from '../interleaved.ts';

function* keep(into: number[], op: Op<number>): Op {
  into.push(yield* op);
}

describe('CPUs that want addresses at once', () => {
  test('get different ones', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { cpus, kernels } = bootSmall(3, {}, seed);
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
