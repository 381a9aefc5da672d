import { describe, expect, test } from 'vitest';
import { FRAME_TABLE } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { entryOffset } from '../../../src/kernel/tables/pagewalk.ts';
import { tableAllocKernel } from '../../../src/kernel/tables/table-alloc.ts';
import { vmAreaStart } from '../../../src/kernel/vmalloc/vm-area.ts';
import { bootSmall, interleave } from '../interleaved.ts';

function* keep(into: number[], op: Op<number>): Op {
  into.push(yield* op);
}

describe('a table that several CPUs find missing at once', () => {
  test('is made once: all go on with the same one, and what the others have made goes back', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { machine, cpus, kernels, violations } = bootSmall(3, {}, seed);
      const [k] = kernels as [(typeof kernels)[number]];
      const { frameState } = machine.memory;
      const tables = (): number => frameState.filter((state) => state === FRAME_TABLE).length;
      const before = tables();
      const entry = FIXMAP + entryOffset(k.space, 0, k.symbols.swapperPgDir, vmAreaStart(k.space, 0) + 2 ** 40);
      const got: number[] = [];
      interleave(
        cpus.map((cpu, id) => keep(got, tableAllocKernel(cpu, kernels[id]!, entry))),
        seed,
      );
      expect([new Set(got).size, tables() - before]).toEqual([1, 1]);
      expect(violations).toEqual([]);
    }
  });
});
