import { describe, expect, test } from 'vitest';
import { levelBytes } from '../../../src/arch/granule.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames, FRAME_FREE } from '../../../src/hardware/memory/frame.ts';
import { frameOf, read } from '../../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { createPgdMapping } from '../../../src/kernel/linear-map/linear-map.ts';
import { tableVa } from '../../../src/kernel/linear-map/split.ts';
import { reachableTables } from '../../../src/kernel/ptdump/ptdump.ts';
import { staticBranchInc } from '../../../src/kernel/ptdump/static-key.ts';
import { entryOffset } from '../../../src/kernel/tables/pagewalk.ts';
import { PAGE_KERNEL, PTE_ADDRESS } from '../../../src/kernel/tables/pgtable-prot.ts';
import { pmdFreePtePage, pudFreePmdPage } from '../../../src/kernel/tables/table-free.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';

const GiB = 2 ** 30;

/** A booted CPU, and PMD entries `which` of an area of its own, each with a PTE table that maps nothing any more. */
function unmapped(which: readonly number[], granule: Granule = '4K'): Booted & { readonly area: number } {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: GiB, granule });
  const booted = bootCpu(board);
  const { cpu, k, memory } = booted;
  const area = k.space.pageEnd + 4 * levelBytes(k.space.granule, 1);
  for (const pmd of which) {
    const va = area + pmd * levelBytes(k.space.granule, 2);
    const { pageBytes } = k.space.granule;
    complete(createPgdMapping(cpu, k, k.symbols.swapperPgDir, k.space.memstart, va, pageBytes, PAGE_KERNEL, {}));
    complete(store(cpu, FIXMAP + entryPa({ k, memory }, va, 3), 0n));
    complete(dsb(cpu, 'ish'));
  }
  return { ...booted, area };
}

/** Physical address of the entry for `va` at `level`. */
function entryPa({ k, memory }: Pick<Booted, 'k' | 'memory'>, va: number, level: number): number {
  let table = k.symbols.swapperPgDir;
  for (let at: number = k.space.startLevel; at < level; at++)
    table = Number(read(memory, entryOffset(k.space, at, table, va)) & PTE_ADDRESS);
  return entryOffset(k.space, level, table, va);
}

/** As the kernel reaches it. */
function entryVa(booted: Booted, va: number, level: number): number {
  const { pageBytes } = booted.k.space.granule;
  const pa = entryPa(booted, va, level);
  return tableVa(booted.k, pa - (pa % pageBytes)) + (pa % pageBytes);
}

const tableAt = ({ memory }: Booted, pa: number): number => Number(read(memory, pa) & PTE_ADDRESS);

function isFreed({ memory }: Booted, table: number): boolean {
  return memory.frameState[frameOf(memory, table)] === FRAME_FREE;
}

const operand = (va: number): string => `tlbi vaae1is 0x${encodeVaOperand(va).toString(16)}`;

describe('pmd_free_pte_page()', () => {
  test('clears, flushes leaf and walk caches, looks whether anybody dumps, and only then frees', () => {
    const booted = unmapped([0]);
    const { cpu, k, area } = booted;
    const entry = entryPa(booted, area, 2);
    const table = tableAt(booted, entry);
    const { result, did } = recorded(cpu, pmdFreePtePage(cpu, k, entryVa(booted, area, 2), area));
    expect(result).toBe(true);
    expect(counted(did.filter((each) => each !== 'visible'))).toEqual([
      'buffered',
      'dsb ishst',
      operand(area),
      'dsb ish',
      'isb',
      'fetch',
      'free',
    ]);
    expect(read(booted.memory, entry)).toBe(0n);
    expect(isFreed(booted, table)).toBe(true);
  });

  test('takes the lock for reading while somebody dumps, and gives it back', () => {
    const booted = unmapped([0]);
    const { cpu, k, area } = booted;
    complete(staticBranchInc(cpu, k, 'arm64_ptdump_lock_key'));
    const { did } = recorded(cpu, pmdFreePtePage(cpu, k, entryVa(booted, area, 2), area));
    expect(did.slice(did.indexOf('isb'))).toEqual(['isb', 'fetch', 'rmw', 'rmw', 'free']);
  });

  test('has nothing to free where there is no table', () => {
    const booted = unmapped([0]);
    const { cpu, k, area, memory } = booted;
    const before = allocatedFrames(memory).now;
    const empty = area + levelBytes(k.space.granule, 2);
    expect(recorded(cpu, pmdFreePtePage(cpu, k, entryVa(booted, empty, 2), empty))).toEqual({ result: true, did: [] });
    expect(allocatedFrames(memory).now).toBe(before);
  });
});

describe('pud_free_pmd_page()', () => {
  test.each(granules)('frees the PMD table and all PTE tables below it, wherever they hang: %s granule', (granule) => {
    const last = granule === '4K' ? 511 : granule === '16K' ? 2047 : 8191;
    const booted = unmapped([0, 5, 6, last], granule);
    const { cpu, k, area, memory, tree } = booted;
    const entry = entryPa(booted, area, 1);
    const before = allocatedFrames(memory).now;
    const { did } = recorded(cpu, pudFreePmdPage(cpu, k, entryVa(booted, area, 1), area));
    expect(allocatedFrames(memory).now).toBe(before - 5);
    expect(read(memory, entry)).toBe(0n);
    for (const table of reachableTables(memory, tree)) expect(isFreed(booted, table)).toBe(false);
    const pmd = (index: number): number => area + index * levelBytes(k.space.granule, 2);
    expect(did.filter((each) => each.startsWith('tlbi'))).toEqual(
      [area, pmd(0), pmd(5), pmd(6), pmd(last)].map(operand),
    );
  });

  test('clears the PUD first, and waits for dumpers once', () => {
    const booted = unmapped([0, 1]);
    const { cpu, k, area, memory } = booted;
    complete(staticBranchInc(cpu, k, 'arm64_ptdump_lock_key'));
    const { did } = recorded(cpu, pudFreePmdPage(cpu, k, entryVa(booted, area, 1), area));
    expect(read(memory, entryPa(booted, area, 1))).toBe(0n);
    expect(did.filter((each) => each === 'rmw')).toHaveLength(2);
    expect(did.indexOf('rmw')).toBeLessThan(did.indexOf('free'));
  });
});
