import { describe, expect, test } from 'vitest';
import { alignDown } from '../../../src/arch/address.ts';
import { levelBytes } from '../../../src/arch/granule.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { type LockUse, nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { CAP_ABSENT, finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { collapseLinearPmd } from '../../../src/kernel/linear-map/collapse.ts';
import { linearAliasRo } from '../../../src/kernel/linear-map/pageattr.ts';
import { splitKernelLeafMapping } from '../../../src/kernel/linear-map/split-leaf.ts';
import { LOCK_NAMES } from '../../../src/kernel/locking/lock-class.ts';
import {
  blockProt,
  PAGE_KERNEL_TAGGED,
  PTE_AF,
  PTE_CONT,
  PTE_DIRTY,
  PTE_PRESENT_INVALID,
  PTE_PXN,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { entryOf, leafOf } from '../leaf-of.ts';
import { recorded } from '../recorded.ts';

interface Rig extends Booted {
  /** Of what level 2 maps as a block: where it lies, and how large it is. */
  readonly pa: number;
  readonly va: number;
  readonly pmd: number;
  readonly page: number;
  /** Physical address of the entry that maps page `i` of it, once it is split. */
  readonly pte: (i: number) => number;
}

/** A CPU with BBML2, alone; a block of its linear map has been split, unless it is to stay whole. */
function rig({ granule = '4K', split = true }: { granule?: Granule; split?: boolean } = {}): Rig {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 3 * 2 ** 30, granule });
  const booted = bootCpu(board, { revision: 'rox-rfc' });
  const { cpu, k } = booted;
  complete(finaliseSystemCapabilities(cpu, k));
  const pa = 0x8000_0000;
  const va = physToVirt(k.space, pa);
  const page = k.space.granule.pageBytes;
  if (split) complete(splitKernelLeafMapping(cpu, k, va + 3 * page, va + 4 * page));
  return {
    ...booted,
    pa,
    va,
    pmd: levelBytes(k.space.granule, 2),
    page,
    pte: (i) => entryOf(booted, va + i * page).pa,
  };
}

const collapse = ({ cpu, k, va }: Rig, at = va) => recorded(cpu, collapseLinearPmd(cpu, k, at));

/** What changes tables, or makes anybody forget something; locks are not among it. */
const changes = (did: readonly string[]): string[] =>
  did.filter((each) => /^(buffered|store|dsb|isb|tlbi|free|allocate|filled)/.test(each));

describe.each(granules)('collapseLinearPmd, of pages that are alike, %s granule', (granule) => {
  test('puts the block over the table in one store, makes all walkers forget the table, and gives it back', () => {
    const it = rig({ granule });
    const { cpu, k, memory, pa, va, page, pmd } = it;
    expect(leafOf(it, va + 3 * page).level).toBe(3);
    const tables = allocatedFrames(memory).now;
    const { result, did } = collapse(it, va + pmd - 1); // any address of the block is as good
    expect(result).toBe(true);
    expect(changes(did)).toEqual([
      'buffered',
      'dsb ishst', // set_pmd(): the block is valid
      'isb',
      'dsb ishst', // __flush_tlb_kernel_pgtable()
      `tlbi vaae1is 0x${encodeVaOperand(va).toString(16)}`,
      'dsb ish',
      'isb',
      'free',
    ]);
    expect(leafOf(it, va)).toEqual({ level: 2, value: blockProt(PAGE_KERNEL_TAGGED) | BigInt(pa) });
    expect(allocatedFrames(memory).now).toBe(tables - 1);
    complete(load(cpu, physToVirt(k.space, pa + pmd - page)));
  });
});

describe('collapseLinearPmd', () => {
  test('of pages that are read-only, all of them, makes a read-only block', () => {
    const it = rig();
    const { cpu, k, va, pa, pmd, page } = it;
    for (let at = 0; at < pmd / page; at += 128) complete(linearAliasRo(cpu, k, va + at * page, 128));
    expect(collapse(it).result).toBe(true);
    const value = (blockProt(PAGE_KERNEL_TAGGED) & ~PTE_WRITE) | PTE_RDONLY | BigInt(pa);
    expect(leafOf(it, va)).toEqual({ level: 2, value });
  });

  test.each<[what: string, page: number, edit: (pte: bigint) => bigint]>([
    ['the Access flag, of one', 7, (pte) => pte & ~PTE_AF],
    ['the Access flag, of the first', 0, (pte) => pte & ~PTE_AF],
    ['the contiguous bit, of one', 100, (pte) => pte ^ PTE_CONT],
    ['the contiguous bit, of the first', 0, (pte) => pte ^ PTE_CONT],
    ["one of software's own bits", 511, (pte) => pte | PTE_DIRTY],
  ])('does not mind %s: the block is as it is without', (_, page, edit) => {
    const it = rig();
    const at = it.pte(page);
    exchange(it.memory, at, edit(read(it.memory, at)));
    expect(collapse(it).result).toBe(true);
    expect(leafOf(it, it.va).value).toBe(blockProt(PAGE_KERNEL_TAGGED) | BigInt(it.pa));
  });

  test.each<[why: string, page: number, edit: (pte: bigint) => bigint]>([
    ['one cannot be written to', 511, (pte) => (pte & ~PTE_WRITE) | PTE_RDONLY],
    ['one may be executed', 200, (pte) => pte & ~PTE_PXN],
    ['one is not there', 300, () => 0n],
    ['one was taken away for a while', 300, (pte) => (pte & ~PTE_VALID) | PTE_PRESENT_INVALID],
    ['the first is not there', 0, () => 0n],
    ['the first is not valid', 0, (pte) => pte & ~PTE_VALID],
    ['one maps another page', 9, (pte) => pte + 0x1000n],
  ])('leaves all as it is where %s', (_, page, edit) => {
    const it = rig();
    const at = it.pte(page);
    const edited = edit(read(it.memory, at));
    exchange(it.memory, at, edited);
    const tables = allocatedFrames(it.memory).now;
    const { result, did } = collapse(it);
    expect({ result, changes: changes(did) }).toEqual({ result: false, changes: [] });
    expect({ pte: read(it.memory, it.pte(page)), tables: allocatedFrames(it.memory).now }).toEqual({
      pte: edited,
      tables,
    });
    expect(read(it.memory, variablePa(it.k, 'pgtable_split_lock'))).toBe(0n);
    expect(read(it.memory, variablePa(it.k, 'init_mm.mmap_lock'))).toBe(0n);
  });

  test.each([
    ['all were taken away: a block that is merely present is none of its own making', PTE_PRESENT_INVALID - PTE_VALID],
    ['they follow each other from an address that no block can have', 0x1000n],
  ])('leaves all as it is where %s', (_, more) => {
    const it = rig();
    for (let i = 0; i < 512; i++) exchange(it.memory, it.pte(i), read(it.memory, it.pte(i)) + more);
    const { result, did } = collapse(it);
    expect({ result, changes: changes(did) }).toEqual({ result: false, changes: [] });
  });

  test.each([
    ['a block of level 1', 0x8000_0000, 1],
    ['a block of level 2', 0x6000_0000, 2],
    ['nothing: there is no RAM', 0x4_0000_0000, 1],
  ])('has nothing to do where there is %s', (_, pa, level) => {
    const it = rig({ split: false });
    const va = physToVirt(it.k.space, pa);
    const before = leafOf(it, va);
    expect(before.level).toBeLessThanOrEqual(level);
    const { result, did } = collapse(it, va);
    expect({ result, changes: changes(did), after: leafOf(it, va) }).toEqual({
      result: false,
      changes: [],
      after: before,
    });
  });

  test.each<[why: string, forbid: (it: Rig) => void]>([
    [
      'not known yet to have BBML2',
      ({ k, memory }) => exchange(memory, variablePa(k, 'system_capabilities_finalized'), 0n),
    ],
    [
      'known to lack it somewhere',
      ({ k, memory }) => exchange(memory, variablePa(k, 'cpu_hwcaps_bbml2_noabort'), CAP_ABSENT),
    ],
    [
      'one that maps RAM with pages',
      ({ k, memory }) => exchange(memory, variablePa(k, 'linear_map_requires_bbml2'), 0n),
    ],
  ])('is for nobody on a system that is %s: not even a lock is taken', (_, forbid) => {
    const it = rig();
    forbid(it);
    expect(collapse(it)).toEqual({ result: false, did: [] });
    expect(leafOf(it, it.va + 3 * it.page).level).toBe(3);
  });

  test('excludes dumpers and whoever changes permissions before splitters, until the table has gone back', () => {
    const it = rig();
    const { k, memory } = it;
    const locks: string[] = [];
    const name = (what: string, { lockClass, shared }: LockUse): number =>
      locks.push(`${what} ${LOCK_NAMES[lockClass]}${shared ? ' for reading' : ''}`);
    const table = alignDown(it.pte(0), it.page);
    let freed = false;
    const observer = {
      ...nobody,
      lockAcquire: (_: unknown, use: LockUse) => void name('takes', use),
      lockRelease: (_: unknown, use: LockUse) => void name('gives', use),
      tableFreed: (_: unknown, pa: number) => {
        freed = pa === table;
        locks.push('frees');
        expect(read(memory, variablePa(k, 'init_mm.mmap_lock'))).not.toBe(0n);
      },
    };
    complete(collapseLinearPmd({ ...it.cpu, observer }, k, it.va));
    expect(freed).toBe(true);
    expect(locks).toEqual([
      'takes init_mm.mmap_lock',
      'takes pgtable_split_lock',
      'frees',
      'gives pgtable_split_lock',
      'gives init_mm.mmap_lock',
    ]);
  });
});
