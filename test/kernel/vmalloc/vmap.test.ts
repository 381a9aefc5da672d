import { describe, expect, test } from 'vitest';
import { contiguousRun } from '../../../src/arch/granule.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames, FRAME_FREE, fillFrame } from '../../../src/hardware/memory/frame.ts';
import { derivedValue, framePa, POISON_HALF } from '../../../src/hardware/memory/memory.ts';
import { virtToPhys } from '../../../src/kernel/address-space.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { blockProt, PAGE_KERNEL, PAGE_KERNEL_RO, PTE_CONT } from '../../../src/kernel/tables/pgtable-prot.ts';
import { contPteBytes, setHugePteAt } from '../../../src/kernel/tables/set-huge-pte.ts';
import {
  type Mapping,
  vmapPtes,
  vmapRange,
  vunmapRange,
  vunmapRangeNoflush,
} from '../../../src/kernel/vmalloc/vmap.ts';
import { complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';
import { cost, mapped, pteVa, type VmapRig, vmapRig } from '../vmap-rig.ts';

/** As pages, groups of pages, or blocks of level 2 or 1, whatever fits. */
function mapping({ va, pa, granule }: VmapRig, largest: 'page' | 'group' | 'pmd' | 'pud'): Mapping {
  const { pageShift, stride, contiguousBits } = granule;
  const maxPageShift = {
    page: pageShift,
    group: pageShift + contiguousBits[3],
    pmd: pageShift + stride,
    pud: pageShift + 2 * stride,
  }[largest];
  return { offset: pa - va, prot: PAGE_KERNEL, maxPageShift };
}

const shape = (rig: VmapRig): string[] =>
  mapped(rig).map(({ level, contiguous, count }) => `${count} of level ${level}${contiguous ? ' contiguous' : ''}`);

describe.each(granules)('vmap_range(), %s granule', (name) => {
  test('uses the largest pieces that are allowed and fit, and each address goes to its page', () => {
    const rig = vmapRig(name);
    const { cpu, k, va, pa, page, pmd, granule } = rig;
    const group = contiguousRun(granule, 3);
    const bytes = pmd + contPteBytes(k) + page;
    expect(complete(vmapRange(cpu, k, va, va + bytes, mapping(rig, 'pmd')))).toBe(0);
    expect(shape(rig)).toEqual(['1 of level 2', `${group} of level 3 contiguous`, '1 of level 3']);
    for (const at of [0, page, pmd, pmd + 3 * page, bytes - page])
      expect(complete(load(cpu, va + at))).toBe(derivedValue(pa + at));
    complete(vunmapRange(cpu, k, va, va + bytes));
    expect(mapped(rig)).toEqual([]);
    expect(() => complete(load(cpu, va))).toThrow(/halt/);
  });

  test.each([
    ['the virtual address', 1, 0],
    ['the physical one', 0, 1],
    ['both, alike', 1, 1],
  ])('%s is not aligned: what a group or a block cannot map is mapped with less', (_, vaPages, paPages) => {
    const rig = vmapRig(name);
    const { cpu, k, page, pmd, granule } = rig;
    const va = rig.va + vaPages * page;
    const { offset, ...same } = mapping(rig, 'pmd');
    const shifted = { ...same, offset: offset + (paPages - vaPages) * page };
    complete(vmapRange(cpu, k, va, va + pmd, shifted));
    const group = contiguousRun(granule, 3);
    const alike = vaPages === paPages;
    const pages = granule.entriesPerTable;
    expect(shape(rig)).toEqual(
      alike
        ? [`${group - 1} of level 3`, `${pages - group} of level 3 contiguous`, '1 of level 3']
        : [`${pages} of level 3`],
    );
  });

  test('a table that is empty goes when a block takes its place; unmapping leaves it', () => {
    const rig = vmapRig(name);
    const { cpu, k, memory, va, page, pmd } = rig;
    complete(vmapRange(cpu, k, va, va + page, mapping(rig, 'page')));
    const before = allocatedFrames(memory).now;
    complete(vunmapRange(cpu, k, va, va + page));
    expect(allocatedFrames(memory).now).toBe(before);
    complete(vmapRange(cpu, k, va, va + pmd, mapping(rig, 'pmd')));
    expect(allocatedFrames(memory).now).toBe(before - 1);
    expect(shape(rig)).toEqual(['1 of level 2']);
  });
});

test('a gigabyte is one block with the 4K granule, and all tables below it go', () => {
  const rig = vmapRig();
  const { cpu, k, memory, va, page, pmd } = rig;
  const before = allocatedFrames(memory).now;
  for (const at of [0, pmd]) complete(vmapRange(cpu, k, va + at, va + at + page, mapping(rig, 'page')));
  complete(vunmapRange(cpu, k, va, va + 2 * pmd));
  expect(allocatedFrames(memory).now).toBe(before + 3);
  complete(vmapRange(cpu, k, va, va + 2 ** 30, mapping(rig, 'pud')));
  expect(shape(rig)).toEqual(['1 of level 1']);
  expect(allocatedFrames(memory).now).toBe(before);
});

test('a table is empty before anybody can see it, whatever its page held', () => {
  const rig = vmapRig();
  const { cpu, k, memory, va, page } = rig;
  for (let frame = memory.imageFrames; frame < memory.imageFrames + memory.poolFrames; frame++)
    if (memory.frameState[frame] === FRAME_FREE) fillFrame(memory, framePa(memory, frame), POISON_HALF, POISON_HALF);
  complete(vmapRange(cpu, k, va, va + page, mapping(rig, 'page')));
  expect(shape(rig)).toEqual(['1 of level 3']);
});

test('without memory for a table it is -ENOMEM, and nothing is mapped', () => {
  const rig = vmapRig();
  const { cpu, k, memory, va, page } = rig;
  failAllocations(memory.control, 1);
  expect(complete(vmapRange(cpu, k, va, va + page, mapping(rig, 'page')))).toBe(-ENOMEM);
  expect(mapped(rig)).toEqual([]);
});

describe('what it costs to map 512 pages of 4K, once the table is there', () => {
  /** The PTE table of the first area, in which nothing is mapped. */
  function withTable(): VmapRig & { readonly table: number } {
    const rig = vmapRig();
    const { cpu, k, va, pmd } = rig;
    complete(vmapRange(cpu, k, va, va + pmd, mapping(rig, 'page')));
    complete(vunmapRange(cpu, k, va, va + pmd));
    return { ...rig, table: virtToPhys(k.space, pteVa(rig, va)) };
  }

  test('pages: a DSB and an ISB each, or one for all in lazy MMU mode', () => {
    const rig = withTable();
    const { cpu, k, va, pmd, table } = rig;
    const pages = mapping(rig, 'page');
    expect(cost(cpu, vmapPtes(cpu, k, table, va, va + pmd, pages))).toBe('512 DSB 512 ISB 0 TLBI');
    complete(vunmapRange(cpu, k, va, va + pmd));
    expect(cost(cpu, vmapRange(cpu, k, va, va + pmd, pages))).toBe('1 DSB 1 ISB 0 TLBI');
  });

  test('contiguous groups: a DSB and an ISB for 16 pages, or one for all in lazy MMU mode', () => {
    const rig = withTable();
    const { cpu, k, va, pmd, table } = rig;
    const groups = mapping(rig, 'group');
    expect(cost(cpu, vmapPtes(cpu, k, table, va, va + pmd, groups))).toBe('32 DSB 32 ISB 0 TLBI');
    complete(vunmapRange(cpu, k, va, va + pmd));
    expect(cost(cpu, vmapRange(cpu, k, va, va + pmd, groups))).toBe('1 DSB 1 ISB 0 TLBI');
    complete(vunmapRange(cpu, k, va, va + pmd));
    // vmalloc() maps huge areas piece by piece, and each piece is a lazy section of its own.
    const { offset, prot, maxPageShift } = groups;
    const piece = contPteBytes(k);
    function* pieces() {
      for (let at = va; at < va + pmd; at += piece)
        yield* vmapRange(cpu, k, at, at + piece, { offset, prot, maxPageShift });
    }
    expect(cost(cpu, pieces())).toBe('32 DSB 32 ISB 0 TLBI');
  });

  test('a block: one DSB and one ISB, and a flush where an empty table had to go', () => {
    const rig = withTable();
    const { cpu, k, va, pmd } = rig;
    const blocks = mapping(rig, 'pmd');
    expect(cost(cpu, vmapRange(cpu, k, va, va + pmd, blocks))).toBe('3 DSB 2 ISB 1 TLBI');
    complete(vunmapRange(cpu, k, va, va + pmd));
    expect(cost(cpu, vmapRange(cpu, k, va, va + pmd, blocks))).toBe('1 DSB 1 ISB 0 TLBI');
  });

  test.each(['page', 'group'] as const)(
    'unmapping has no barrier, and the flush asks for every page: %s',
    (largest) => {
      const rig = vmapRig();
      const { cpu, k, va, page } = rig;
      const end = va + 256 * page;
      complete(vmapRange(cpu, k, va, end, mapping(rig, largest)));
      expect(cost(cpu, vunmapRangeNoflush(cpu, k, va, end))).toBe('0 DSB 0 ISB 0 TLBI');
      expect(cost(cpu, vunmapRange(cpu, k, va, end))).toBe('2 DSB 1 ISB 1 TLBI');
      const features = { ...cpu.model.features, tlbiRange: false };
      const without = { ...cpu, model: { ...cpu.model, features } };
      expect(cost(without, vunmapRange(without, k, va, end))).toBe('2 DSB 1 ISB 256 TLBI');
    },
  );
});

describe.each(granules)('set_huge_pte_at(), %s granule', (name) => {
  test('a group that is live is cleared and flushed as a whole before it is made anew', () => {
    const rig = vmapRig(name);
    const { cpu, k, va, granule } = rig;
    const bytes = contPteBytes(k);
    complete(vmapRange(cpu, k, va, va + bytes, mapping(rig, 'group')));
    const [before] = mapped(rig);
    const pte = (before!.descriptor & ~PAGE_KERNEL) | PAGE_KERNEL_RO | PTE_CONT;
    const { did } = recorded(cpu, setHugePteAt(cpu, k, va, pteVa(rig, va), pte));
    const group = contiguousRun(granule, 3);
    const steps = counted(did.filter((each) => !/drain|visible/.test(each)).map((each) => each.replace(/ 0x.*/, '')));
    expect(steps[0]).toBe(`buffered x${group}`);
    expect(steps[1]).toBe('dsb ishst');
    expect(steps.slice(2, -5).every((each) => each.startsWith('tlbi'))).toBe(true);
    expect(steps.slice(-5)).toEqual(['dsb ish', 'isb', `buffered x${group}`, 'dsb ishst', 'isb']);
    expect(mapped(rig)).toMatchObject([{ descriptor: pte, count: group, contiguous: true }]);
  });

  test('one that is not there is just stored, with one barrier', () => {
    const rig = vmapRig(name);
    const { cpu, k, va } = rig;
    complete(vmapRange(cpu, k, va, va + contPteBytes(k), mapping(rig, 'group')));
    complete(vunmapRange(cpu, k, va, va + contPteBytes(k)));
    expect(cost(cpu, vmapRange(cpu, k, va, va + contPteBytes(k), mapping(rig, 'group')))).toBe('1 DSB 1 ISB 0 TLBI');
    expect(mapped(rig)[0]!.descriptor & blockProt(PAGE_KERNEL)).toBe(blockProt(PAGE_KERNEL));
  });
});
