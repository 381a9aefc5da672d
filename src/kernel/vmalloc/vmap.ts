import { isAligned } from '../../arch/address.ts';
import { levelBytes, levelShift } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { pgattrChangeIsSafe } from '../linear-map/linear-map.ts';
import { tableVa } from '../linear-map/split.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from '../tables/lazy-mmu.ts';
import { addrEnd, entryOffset } from '../tables/pagewalk.ts';
import { blockProt, isPresent, type Prot, PTE_CONT } from '../tables/pgtable-prot.ts';
import { contPteBytes, setHugePteAt } from '../tables/set-huge-pte.ts';
import { tableAllocKernel } from '../tables/table-alloc.ts';
import { pmdFreePtePage, pudFreePmdPage } from '../tables/table-free.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';
import { walkKernelPageTableRangeLockless } from '../tables/walk-range.ts';

/**
 * Mapping and unmapping in the vmalloc space. Linux: mm/vmalloc.c, arch/arm64/include/asm/vmalloc.h, 6.18.
 *
 * Nothing is mapped where something is mapped already, and so nothing is flushed here. Unmapping clears leaves and leaves
 * the tables: a table goes when a block wants its place.
 */

/** What a range is mapped to, all of it alike. */
export interface Mapping {
  /** pa - va. */
  readonly offset: number;
  readonly prot: Prot;
  /** log2 of the largest piece that may be used. */
  readonly maxPageShift: number;
}

/**
 * Linux: vmap_range_noflush(). Maps `[va, end)`, page-aligned and mapped nowhere yet, with the largest pieces that alignment
 * and `maxPageShift` allow. Returns 0 or -ENOMEM: what was mapped by then stays so. May sleep.
 */
export function* vmapRange(cpu: Cpu, k: Kernel, va: number, end: number, mapping: Mapping): Op<number> {
  return yield* vmapTable(cpu, k, k.symbols.swapperPgDir, k.space.startLevel, va, end, mapping);
}

function* vmapTable(
  cpu: Cpu,
  k: Kernel,
  table: number,
  level: number,
  start: number,
  end: number,
  mapping: Mapping,
): Op<number> {
  if (level === 3) return yield* vmapPteRange(cpu, k, table, start, end, mapping);
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(k.space, level, va, end);
    const entry = tableVa(k, table) + entryOffset(k.space, level, 0, va);
    if (yield* vmapTryHuge(cpu, k, entry, level, va, next, mapping)) continue;
    const child = yield* tableAllocKernel(cpu, k, entry);
    if (child < 0) return child;
    const error = yield* vmapTable(cpu, k, child, level + 1, va, next, mapping);
    if (error !== 0) return error;
  }
  return 0;
}

/**
 * Linux: vmap_try_huge_pud(), vmap_try_huge_pmd(): the whole entry becomes one block, and an empty table that stood there
 * is freed for it. False: it does not fit.
 */
function* vmapTryHuge(
  cpu: Cpu,
  k: Kernel,
  entry: number,
  level: number,
  va: number,
  next: number,
  { offset, prot, maxPageShift }: Mapping,
): Op<boolean> {
  const { granule } = k.space;
  const bytes = levelBytes(granule, level);
  if (!archVmapSupported(k, level) || maxPageShift < levelShift(granule, level)) return false;
  if (next - va !== bytes || !isAligned(va, bytes) || !isAligned(va + offset, bytes)) return false;
  if (isPresent(yield* load(cpu, entry))) {
    const free = level === 1 ? pudFreePmdPage : pmdFreePtePage;
    if (!(yield* free(cpu, k, entry, va))) return false;
  }
  return yield* setHuge(cpu, k, entry, BigInt(va + offset) | blockProt(prot));
}

/** Linux: arch_vmap_pud_supported(), with the 4K granule only; arch_vmap_pmd_supported(). */
function archVmapSupported({ space }: Kernel, level: number): boolean {
  return level === 2 || (level === 1 && space.granule.name === '4K');
}

/** Linux: pud_set_huge(), pmd_set_huge(). */
function* setHuge(cpu: Cpu, k: Kernel, entry: number, value: bigint): Op<boolean> {
  if (!pgattrChangeIsSafe(yield* load(cpu, entry), value)) return false;
  yield* setEntry(cpu, k, entry, value);
  return true;
}

/** Linux: vmap_pte_range(): all pages of one table in one lazy section, since 6.16. */
function* vmapPteRange(cpu: Cpu, k: Kernel, table: number, start: number, end: number, mapping: Mapping): Op<number> {
  enterLazyMmuMode(k);
  yield* vmapPtes(cpu, k, table, start, end, mapping);
  yield* leaveLazyMmuMode(cpu, k);
  return 0;
}

/** The same outside lazy MMU mode: each page, and each group, is followed by its own barriers. */
export function* vmapPtes(cpu: Cpu, k: Kernel, table: number, start: number, end: number, mapping: Mapping): Op {
  const { offset, prot } = mapping;
  const { pageBytes } = k.space.granule;
  for (let va = start, bytes: number; va < end; va += bytes) {
    const entry = tableVa(k, table) + entryOffset(k.space, 3, 0, va);
    bytes = archVmapPteRangeMapSize(k, va, end, mapping);
    const pte = BigInt(va + offset) | prot;
    if (bytes > pageBytes) yield* setHugePteAt(cpu, k, va, entry, pte | PTE_CONT);
    else yield* setEntry(cpu, k, entry, pte);
  }
}

/** Linux: arch_vmap_pte_range_map_size(), since 6.16: a contiguous group where it fits, else a page. In bytes. */
function archVmapPteRangeMapSize(k: Kernel, va: number, end: number, { offset, maxPageShift }: Mapping): number {
  const bytes = contPteBytes(k);
  const fits = end - va >= bytes && isAligned(va, bytes) && isAligned(va + offset, bytes);
  return 2 ** maxPageShift >= bytes && fits ? bytes : k.space.granule.pageBytes;
}

/**
 * Linux: vunmap_range_noflush(). Empties every leaf of `[va, end)`: of contiguous pages all, for nobody unmaps a part of a
 * group. No barrier and no TLBI: whoever flushes begins with a DSB.
 */
export function* vunmapRangeNoflush(cpu: Cpu, k: Kernel, va: number, end: number): Op {
  yield* walkKernelPageTableRangeLockless(cpu, k, va, end, {
    *blockEntry({ entry, value }) {
      if (k.text.pageattr.isLeaf(value)) yield* setEntry(cpu, k, entry, 0n);
      return 0;
    },
    *pteEntry({ entry, value }) {
      if (value !== 0n) yield* setEntry(cpu, k, entry, 0n);
      return 0;
    },
  });
}

/** Linux: vunmap_range(): and nobody uses it any more. */
export function* vunmapRange(cpu: Cpu, k: Kernel, va: number, end: number): Op {
  yield* vunmapRangeNoflush(cpu, k, va, end);
  yield* flushTlbKernelRange(cpu, k, va, end);
}
