import { describe, expect, test } from 'vitest';
import { LIMIT_PXN } from '../../../src/arch/permission.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import { markLinearTextAliasRo } from '../../../src/kernel/linear-map/linear-map.ts';
import { setMemoryValid } from '../../../src/kernel/linear-map/pageattr.ts';
import { transPgdCreateCopy, transPgdFree } from '../../../src/kernel/linear-map/trans-pgd.ts';
import { kernelTree, ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { PTE_PXN, PTE_RDONLY, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';

function ready(granule: '4K' | '16K' | '64K' = '4K', config: Partial<KernelConfig> = {}) {
  const memoryBytes = config.debugPagealloc ? 2 ** 26 : 2 ** 30; // mapped with pages, twice
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes, granule });
  const { cpu, k, memory } = bootCpu(board, config);
  complete(finaliseSystemCapabilities(cpu, k));
  complete(markLinearTextAliasRo(cpu, k));
  const { pageOffset, pageEnd } = k.space;
  const linear = (root: number) =>
    ranges(memory, kernelTree(k.space, root)).filter(({ va }) => va >= pageOffset && va < pageEnd);
  return {
    cpu,
    k,
    memory,
    copy: () => complete(transPgdCreateCopy(cpu, k, pageOffset, pageEnd)),
    original: () => linear(k.symbols.swapperPgDir),
    linear,
    tables: () => allocatedFrames(memory).now,
  };
}

const place = ({ va, pa, level, bytes, count }: ReturnType<ReturnType<typeof ready>['original']>[number]) => ({
  va,
  pa,
  level,
  bytes,
  count,
});

/** Leaves that differ in rights alone are one range in a copy in which all have the same. */
function spans(list: readonly ReturnType<typeof place>[]): [number, number, number][] {
  const out: [number, number, number][] = [];
  for (const { va, pa, bytes, count } of list) {
    const last = out.at(-1);
    if (last !== undefined && last[1] === va && last[2] + (va - last[0]) === pa) last[1] = va + bytes * count;
    else out.push([va, va + bytes * count, pa]);
  }
  return out;
}

describe('trans_pgd_create_copy()', () => {
  test.each(['4K', '16K', '64K'] as const)('maps the same memory at the same addresses, %s granule', (granule) => {
    const { copy, original, linear } = ready(granule);
    const before = original().map(place);
    const root = copy();
    expect(root).toBeGreaterThan(0);
    expect(spans(linear(root).map(place))).toEqual(spans(before));
    expect(original().map(place)).toEqual(before);
  });

  test('is writable everywhere, the text alias too, and executable nowhere', () => {
    const { copy, original, linear } = ready();
    expect(original().some(({ descriptor }) => (descriptor & PTE_RDONLY) !== 0n)).toBe(true);
    for (const { descriptor, limits } of linear(copy())) {
      expect(descriptor & (PTE_WRITE | PTE_RDONLY)).toBe(PTE_WRITE);
      expect([descriptor & PTE_PXN, limits & LIMIT_PXN]).toEqual([PTE_PXN, LIMIT_PXN]);
    }
  });

  test.each(['6.18', '7.1'] as const)('maps what was taken away for a while: %s', (revision) => {
    const { cpu, k, copy, original, linear } = ready('4K', { revision, debugPagealloc: true });
    const before = spans(original().map(place));
    const va = physToVirt(k.space, 0x4380_0000);
    complete(setMemoryValid(cpu, k, va, 3, false));
    expect(spans(original().map(place))).not.toEqual(before);
    expect(spans(linear(copy()).map(place))).toEqual(before);
  });

  test('is given back as a whole, also where it could not be finished', () => {
    const { cpu, k, memory, copy, tables } = ready();
    const before = tables();
    const root = copy();
    expect(tables()).toBeGreaterThan(before);
    complete(transPgdFree(cpu, k, root));
    expect(tables()).toBe(before);
    failAllocations(memory.control, 3);
    const roots = Array.from({ length: 8 }, copy);
    expect(roots).toContain(-ENOMEM);
    failAllocations(memory.control, 0);
    for (const each of roots) if (each > 0) complete(transPgdFree(cpu, k, each));
    expect(tables()).toBe(before);
  });
});
