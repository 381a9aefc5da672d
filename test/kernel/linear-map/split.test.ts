import { describe, expect, test } from 'vitest';
import { contiguousRun, levelBytes } from '../../../src/arch/granule.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DSBS, ISBS, TABLE_STORES, TLBIS } from '../../../src/hardware/counters.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import {
  rangeSplitToPtes,
  splitContpmd,
  splitContpte,
  splitPmd,
  splitPud,
  splitRange,
} from '../../../src/kernel/linear-map/split.ts';
import { splitKernelLeafMappingLocked } from '../../../src/kernel/linear-map/split-leaf.ts';
import { forEachLeaf } from '../../../src/kernel/ptdump/ptdump.ts';
import { enterLazyMmuMode, leaveLazyMmuMode } from '../../../src/kernel/tables/lazy-mmu.ts';
import { entryOffset } from '../../../src/kernel/tables/pagewalk.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import {
  PTE_ADDRESS,
  PTE_CONT,
  PTE_PRESENT_INVALID,
  PTE_PXN,
  PTE_TYPE_PAGE,
  PTE_VALID,
  TABLE_PXN,
  TABLE_UXN,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { kernelText } from '../../../src/kernel/text.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';

function booted(granule: (typeof granules)[number] = '4K', memoryBytes = 3 * 2 ** 30): Booted {
  const board = resizedBoard(defaultBoard, { cpus: 1, memoryBytes, granule });
  return bootCpu(board);
}

/** A physical address in the middle of RAM, and of the entry of `level` that maps it (as the kernel reaches it). */
function entryOf({ memory, k }: Booted, level: number, pa: number): { va: number; entry: number; value: bigint } {
  const va = physToVirt(k.space, pa);
  let table = k.symbols.swapperPgDir;
  for (let at = k.space.startLevel as number; at < level; at++)
    table = Number(read(memory, entryOffset(k.space, at, table, va)) & PTE_ADDRESS);
  const entry = entryOffset(k.space, level, table, va);
  return { va, entry, value: read(memory, entry) };
}

/** In the first GiB, which the kernel image keeps from being one block. */
const MIDDLE = 0x6800_0000;

describe.each([
  ['split_pmd()', 2],
  ['split_pud()', 1],
] as const)('%s', (_, level) => {
  const pa = level === 2 ? MIDDLE : 0x8000_0000;

  function block(lazy: boolean, edit = (value: bigint) => value): Booted & { entry: number; value: bigint } {
    const machine = booted();
    const { entry, value } = entryOf(machine, level, pa);
    expect(value & (PTE_VALID | PTE_TYPE_PAGE)).toBe(PTE_VALID);
    exchange(machine.memory, entry, edit(value & ~PTE_CONT));
    if (lazy) enterLazyMmuMode(machine.k);
    return { ...machine, entry, value: edit(value & ~PTE_CONT) };
  }

  test('fills, makes it visible, links in one store, and issues no TLBI', () => {
    const { cpu, k, entry, value } = block(true);
    const { result, did } = recorded(cpu, splitAt(level)(cpu, k, FIXMAP + entry, value, 'kernel', false));
    expect(result).toBe(0);
    expect(did).toEqual(['allocate', 'filled-table', 'dsb ishst', 'buffered']);
  });

  test('outside lazy MMU mode emits the barriers of each child, and of the link', () => {
    const { cpu, k, entry, value } = block(false);
    const before = [...cpu.counts];
    complete(splitAt(level)(cpu, k, FIXMAP + entry, value, 'kernel', false));
    const grown = (counter: number): number => cpu.counts[counter]! - before[counter]!;
    expect([grown(DSBS), grown(ISBS), grown(TLBIS)]).toEqual([512 + 1 + 1, 512 + 1, 0]);
  });

  test.each([
    ['7.1', PTE_PRESENT_INVALID],
    ['6.18', PTE_VALID | PTE_PRESENT_INVALID], // with kpti it is present by its nG, and comes back by accident
  ] as const)('makes leaves of one that is present and invalid: %s', (revision, expected) => {
    const { cpu, k, memory, entry, value } = block(true, (old) => (old & ~PTE_VALID) | PTE_PRESENT_INVALID);
    const text = { ...k.text, split: kernelText(revision).split };
    complete(splitAt(level)(cpu, { ...k, text }, FIXMAP + entry, value, 'kernel', false));
    complete(leaveLazyMmuMode(cpu, k));
    const table = Number(read(memory, entry) & PTE_ADDRESS);
    for (let i = 0; i < 512; i++)
      expect(read(memory, table + 8 * i) & (PTE_VALID | PTE_PRESENT_INVALID)).toBe(expected);
  });

  test('makes nothing of one that is nothing, since 7.1', () => {
    const { cpu, k: older, memory, entry, value } = block(true, (old) => old & ~PTE_VALID);
    const k = { ...older, text: { ...older.text, split: kernelText('7.1').split } };
    const { did } = recorded(cpu, splitAt(level)(cpu, k, FIXMAP + entry, value, 'kernel', false));
    expect(did).toEqual(['allocate', 'filled-table', 'dsb ishst', 'buffered']);
    complete(leaveLazyMmuMode(cpu, k));
    const table = Number(read(memory, entry) & PTE_ADDRESS);
    for (let i = 0; i < 512; i++) expect(read(memory, table + 8 * i) & (PTE_VALID | PTE_PRESENT_INVALID)).toBe(0n);
  });

  test.each([false, true])('makes children with the same addresses and attributes, contiguous: %s', (toCont) => {
    const { cpu, k, memory, entry, value } = block(false);
    complete(splitAt(level)(cpu, k, FIXMAP + entry, value, 'kernel', toCont));
    const table = Number(read(memory, entry) & PTE_ADDRESS);
    const bytes = BigInt(levelBytes(k.space.granule, level + 1));
    const type = level === 2 ? PTE_TYPE_PAGE : 0n;
    for (let i = 0; i < 512; i++)
      expect(read(memory, table + 8 * i)).toBe((value | type | (toCont ? PTE_CONT : 0n)) + BigInt(i) * bytes);
  });

  test('hands PXN on to the table, and nothing else', () => {
    for (const pxn of [true, false]) {
      const { cpu, k, memory, entry, value } = block(false, (old) => (pxn ? old | PTE_PXN : old & ~PTE_PXN));
      complete(splitAt(level)(cpu, k, FIXMAP + entry, value, 'kernel', false));
      const table = read(memory, entry);
      expect(table & (PTE_VALID | PTE_TYPE_PAGE)).toBe(PTE_VALID | PTE_TYPE_PAGE);
      expect(table & (TABLE_PXN | (1n << 61n) | (1n << 62n) | (1n << 63n))).toBe(pxn ? TABLE_PXN : 0n);
      expect(table & TABLE_UXN).toBe(TABLE_UXN);
    }
  });

  test('without memory returns -ENOMEM and leaves the entry as it was', () => {
    const { cpu, k, memory, entry, value } = block(false);
    failAllocations(memory.control, 1);
    const before = allocatedFrames(memory).now;
    const { result, did } = recorded(cpu, splitAt(level)(cpu, k, FIXMAP + entry, value, 'atomic', false));
    expect(result).toBe(-ENOMEM);
    expect(did).toEqual([]);
    expect(read(memory, entry)).toBe(value);
    expect(allocatedFrames(memory).now).toBe(before);
  });
});

describe.each(granules)('split_contpte() and split_contpmd(), %s granule', (granule) => {
  test.each([2, 3] as const)('take the bit off every entry of the group, whichever is named: level %i', (level) => {
    const machine = booted(granule);
    const { cpu, k, memory } = machine;
    const run = contiguousRun(k.space.granule, level);
    const span = levelBytes(k.space.granule, level) * run;
    const pa = k.space.memstart + Math.ceil((MIDDLE - k.space.memstart) / span) * span;
    // A run of its own, in entries that the boot has mapped or not: what counts is the group's arithmetic.
    if (level === 3) complete(splitRange(cpu, k, physToVirt(k.space, pa), physToVirt(k.space, pa) + span, 'kernel'));
    const { entry } = entryOf(machine, level, pa);
    const values = Array.from({ length: run + 2 }, (_, i) => read(memory, entry + 8 * (i - 1)));
    for (let i = 0; i < run; i++) exchange(memory, entry + 8 * i, values[i + 1]! | PTE_CONT);
    const named = FIXMAP + entry + 8 * Math.floor(run / 3);
    enterLazyMmuMode(k);
    const { did } = recorded(cpu, (level === 2 ? splitContpmd : splitContpte)(cpu, k, named));
    expect(counted(did)).toEqual([`buffered x${run}`]);
    complete(dsb(cpu, 'ishst'));
    for (let i = 0; i < run; i++) expect(read(memory, entry + 8 * i)).toBe(values[i + 1]! & ~PTE_CONT);
    expect(read(memory, entry - 8)).toBe(values[0]);
    expect(read(memory, entry + 8 * run)).toBe(values[run + 1]);
  });
});

const splitAt = (level: number): typeof splitPmd => (level === 1 ? splitPud : splitPmd);

describe('range_split_to_ptes()', () => {
  test.each(granules)(
    'leaves nothing but pages without the contiguous bit where it was told, %s granule',
    (granule) => {
      const machine = booted(granule);
      const { cpu, k, memory, tree } = machine;
      const span = levelBytes(k.space.granule, 2);
      const start = physToVirt(k.space, Math.floor(MIDDLE / span) * span);
      const leaves = (): Map<number, string> => {
        const all = new Map<number, string>();
        forEachLeaf(memory, tree, (va, pa, level, _lo, hi) => all.set(va, `${pa} ${level} ${(hi >> 20) & 1}`));
        return all;
      };
      const before = leaves();
      expect(complete(rangeSplitToPtes(cpu, k, start, start + 2 * span, 'kernel'))).toBe(0);
      complete(dsb(cpu, 'ishst'));
      const after = leaves();
      for (const [va, leaf] of after)
        if (va >= start && va < start + 2 * span)
          expect(leaf).toBe(`${k.space.memstart + (va - k.space.pageOffset)} 3 0`);
      for (let va = start; va < start + 2 * span; va += k.space.granule.pageBytes) expect(after.has(va)).toBe(true);
      // Elsewhere leaves keep their place; those that shared a block or a group with the range may be smaller.
      const far = [...before].filter(([va]) => va < start - 2 ** 34 || va >= start + 2 ** 34);
      for (const [va, leaf] of far) expect(after.get(va)).toBe(leaf);
    },
  );

  test('batches its barriers: one before each link, one pair at the end, no TLBI', () => {
    const { cpu, k } = booted('4K', 2 ** 30);
    const start = physToVirt(k.space, 0x6000_0000);
    const { did } = recorded(cpu, rangeSplitToPtes(cpu, k, start, start + 4 * 2 ** 21, 'atomic'));
    const blocks = did.filter((each) => each === 'filled-table').length;
    expect(blocks).toBe(4);
    expect(did.filter((each) => each.startsWith('tlbi'))).toEqual([]);
    expect(did.filter((each) => each === 'dsb ishst')).toHaveLength(blocks + 1);
    expect(did.filter((each) => each === 'isb')).toHaveLength(1);
    expect(did.slice(-2)).toEqual(['dsb ishst', 'isb']);
  });

  test('outside lazy MMU mode pays for every entry', () => {
    const { cpu, k } = booted('4K', 2 ** 30);
    const start = physToVirt(k.space, 0x6000_0000);
    const before = [...cpu.counts];
    complete(splitRange(cpu, k, start, start + 4 * 2 ** 21, 'atomic'));
    const grown = (counter: number): number => cpu.counts[counter]! - before[counter]!;
    const stores = grown(TABLE_STORES) + 4 * 512;
    expect([grown(DSBS), grown(ISBS)]).toEqual([stores + 4, stores]);
  });

  test('takes blocks apart that are present and invalid, so that they can come back page by page', () => {
    const machine = booted('4K', 2 ** 30);
    const { cpu, k: older, memory } = machine;
    const k = { ...older, text: { ...older.text, split: kernelText('7.1').split } };
    const start = physToVirt(k.space, 0x6000_0000);
    complete(splitKernelLeafMappingLocked(cpu, k, start));
    for (const pa of [0x6000_0000, 0x6020_0000]) {
      const { entry } = entryOf(machine, 2, pa);
      exchange(memory, entry, (read(memory, entry) & ~(PTE_VALID | PTE_CONT)) | PTE_PRESENT_INVALID);
    }
    expect(complete(rangeSplitToPtes(cpu, k, start, start + 2 ** 22, 'kernel'))).toBe(0);
    for (const pa of [0x6000_0000, 0x6020_0000, 0x603f_f000]) {
      const { entry } = entryOf(machine, 3, pa);
      expect(read(memory, entry) & (PTE_VALID | PTE_PRESENT_INVALID)).toBe(PTE_PRESENT_INVALID);
    }
  });

  /** 1 GiB of linear map that is one PUD, 32 contiguous groups of PMDs, or 512 PMDs by themselves. */
  test.each([
    ['one PUD', { tables: 513, stores: 513 }, 0],
    ['32 contiguous groups of 2M blocks', { tables: 512, stores: 512 + 512 }, 1],
    ['512 2M blocks', { tables: 512, stores: 512 }, 2],
  ])('of 1 GiB that is %s: so many tables and stores, a barrier a table and a pair, no TLBI', (_, counted, pieces) => {
    const machine = booted('4K', 3 * 2 ** 30);
    const { cpu, k, memory } = machine;
    const start = physToVirt(k.space, 0x8000_0000);
    expect(entryOf(machine, 1, 0x8000_0000).value & PTE_TYPE_PAGE).toBe(0n);
    if (pieces > 0) {
      const { entry, value } = entryOf(machine, 1, 0x8000_0000);
      complete(splitAt(1)(cpu, k, FIXMAP + entry, value, 'kernel', pieces === 1));
    }
    const before = [...cpu.counts];
    const frames = allocatedFrames(memory).now;
    expect(complete(rangeSplitToPtes(cpu, k, start, start + 2 ** 30, 'kernel'))).toBe(0);
    const grown = (counter: number): number => cpu.counts[counter]! - before[counter]!;
    expect({ tables: allocatedFrames(memory).now - frames, stores: grown(TABLE_STORES) }).toEqual(counted);
    expect([grown(DSBS), grown(ISBS), grown(TLBIS)]).toEqual([counted.tables + 1, 1, 0]);
  });

  test('of what is split already does nothing at all', () => {
    const { cpu, k } = booted('4K', 2 ** 30);
    const start = physToVirt(k.space, 0x6000_0000);
    complete(rangeSplitToPtes(cpu, k, start, start + 2 ** 22, 'kernel'));
    expect(recorded(cpu, rangeSplitToPtes(cpu, k, start, start + 2 ** 22, 'kernel')).did).toEqual([]);
  });

  test('that runs out of memory returns -ENOMEM; what was split stays split, and is sound', () => {
    const { cpu, k, memory, tree } = booted('4K', 2 ** 30);
    let left = 3;
    const mean = {
      ...cpu,
      choose: (bound: number, kind: string) => (kind === 'allocation' && left-- <= 0 ? bound - 1 : 0),
    };
    failAllocations(memory.control, 2);
    const start = physToVirt(k.space, 0x6000_0000);
    expect(complete(rangeSplitToPtes(mean, k, start, start + 8 * 2 ** 21, 'atomic'))).toBe(-ENOMEM);
    const sizes = new Map<number, number>();
    forEachLeaf(memory, tree, (va, pa, level) => {
      if (va < start || va >= start + 8 * 2 ** 21) return;
      expect(pa).toBe(k.space.memstart + (va - k.space.pageOffset));
      sizes.set(level, (sizes.get(level) ?? 0) + 1);
    });
    expect(sizes.get(3)).toBe(3 * 512);
    expect(sizes.get(2)).toBe(5);
  });
});
