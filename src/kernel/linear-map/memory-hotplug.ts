import { isAligned } from '../../arch/address.ts';
import { contiguousRun, type Level, levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { forcePteMappingNow } from '../boot/cpufeature.ts';
import { EBUSY } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { downWrite, upWrite } from '../locking/locks.ts';
import { setEntry } from '../tables/lazy-mmu.ts';
import { addrEnd, entriesAfter, entryOffset } from '../tables/pagewalk.ts';
import { pgtableFree } from '../tables/pgalloc.ts';
import { isTableEntry, maybeNg, PAGE_KERNEL_TAGGED, PTE_ADDRESS, PTE_CONT } from '../tables/pgtable-prot.ts';
import { flushTlbKernelPgtable, flushTlbKernelRange } from '../tables/tlbflush.ts';
import { createPgdMapping } from './linear-map.ts';
import { tableVa } from './split.ts';

/**
 * RAM that comes and goes while the system runs, and its part of the linear map with it. Linux: arch_add_memory(),
 * arch_remove_memory(), arch/arm64/mm/mmu.c.
 *
 * Nobody uses the memory any more when its mapping goes, but every CPU may have translations of it, and table entries that lead
 * to them. Afterwards the memory belongs to somebody else, and so do the tables.
 */

/** The sentences of the removal. A named bug replaces one of them. */
export interface MemoryHotplugText {
  /** Whether the range can go without what lies beside it. */
  readonly mayRemove: (cpu: Cpu, k: Kernel, start: number, end: number) => Op<boolean>;
  /** After each leaf that was cleared; `va`: of its first page in the range. */
  readonly unmapped: (cpu: Cpu, k: Kernel, va: number) => Op;
  /** When all of the range is cleared. */
  readonly flush: typeof flushTlbKernelRange;
  /** Linux: the end of free_empty_pte_table() and the like: `entry` leads to `table`, in which nothing is left. */
  readonly freeTable: (cpu: Cpu, k: Kernel, entry: number, va: number, table: number) => Op;
}

/**
 * Linux: arch_add_memory(). Maps `[pa, pa + bytes)`, which is RAM that was not there before, as the system can stand it now that
 * its capabilities are final. Tables that cannot be had are a panic here (6.18: BUG_ON; since 6.19: -ENOMEM).
 */
export function* archAddMemory(cpu: Cpu, k: Kernel, pa: number, bytes: number): Op {
  const force = yield* forcePteMappingNow(cpu, k);
  const flags = { noExec: true, noBlock: force, noCont: force };
  yield* downWrite(cpu, k, 'mem_hotplug_lock'); // mem_hotplug_begin(), in add_memory_resource()
  const va = physToVirt(k.space, pa);
  const prot = maybeNg(k.config, PAGE_KERNEL_TAGGED);
  yield* createPgdMapping(cpu, k, k.symbols.swapperPgDir, pa, va, bytes, prot, flags);
  yield* upWrite(cpu, k, 'mem_hotplug_lock');
}

/**
 * Linux: prevent_memory_remove_notifier(), then arch_remove_memory(). Returns 0, or -EBUSY where a leaf would have to be split:
 * the memory stays in use then.
 */
export function* archRemoveMemory(cpu: Cpu, k: Kernel, pa: number, bytes: number): Op<number> {
  const { memoryHotplug } = k.text;
  const { swapperPgDir } = k.symbols;
  const start = physToVirt(k.space, pa);
  const end = start + bytes;
  if (!(yield* memoryHotplug.mayRemove(cpu, k, start, end))) return -EBUSY;
  yield* downWrite(cpu, k, 'mem_hotplug_lock');
  yield* unmapHotplugRange(cpu, k, swapperPgDir, k.space.startLevel, start, end);
  yield* memoryHotplug.flush(cpu, k, start, end);
  yield* freeEmptyTables(cpu, k, swapperPgDir, k.space.startLevel, start, end);
  announce(cpu, 'memory.removed', start, end);
  yield* upWrite(cpu, k, 'mem_hotplug_lock');
  return 0;
}

/** Linux: unmap_hotplug_range(): clears every leaf of `[start, end)` as a whole, also one that begins or ends outside. */
function* unmapHotplugRange(cpu: Cpu, k: Kernel, table: number, level: number, start: number, end: number): Op {
  const { space } = k;
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const entry = tableVa(k, table) + entryOffset(space, level, 0, va);
    const value = yield* load(cpu, entry);
    if (value === 0n) {
      const more = yield* skipInvalid(cpu, entry + 8, entriesAfter(space, level, va, end));
      next = Math.min(next + more * levelBytes(space.granule, level), end);
    } else if (level < 3 && isTableEntry(value))
      yield* unmapHotplugRange(cpu, k, Number(value & PTE_ADDRESS), level + 1, va, next);
    else {
      yield* setEntry(cpu, k, entry, 0n);
      yield* k.text.memoryHotplug.unmapped(cpu, k, va);
    }
  }
}

/** Linux: free_empty_tables(): tables of the range in which nothing is left, from the last level up. */
function* freeEmptyTables(cpu: Cpu, k: Kernel, table: number, level: number, start: number, end: number): Op {
  const { space } = k;
  const { entriesPerTable } = space.granule;
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const entry = tableVa(k, table) + entryOffset(space, level, 0, va);
    const value = yield* load(cpu, entry);
    if (!isTableEntry(value)) continue;
    const child = Number(value & PTE_ADDRESS);
    if (level < 2) yield* freeEmptyTables(cpu, k, child, level + 1, va, next);
    if ((yield* skipInvalid(cpu, tableVa(k, child), entriesPerTable)) < entriesPerTable) continue;
    yield* k.text.memoryHotplug.freeTable(cpu, k, entry, va, child);
  }
}

/**
 * Linux: can_unmap_without_split(), 7.1: both ends are boundaries of leaves, contiguous groups counted as one. A leaf of the linear
 * map is never split for a removal.
 */
function* bothEndsAreBoundaries(cpu: Cpu, k: Kernel, start: number, end: number): Op<boolean> {
  return (yield* isLeafBoundary(cpu, k, start)) && (yield* isLeafBoundary(cpu, k, end));
}

function* isLeafBoundary(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  const { space } = k;
  let table = k.symbols.swapperPgDir;
  for (let level = space.startLevel as number; level <= 3; level++) {
    const bytes = levelBytes(space.granule, level);
    const value = yield* load(cpu, tableVa(k, table) + entryOffset(space, level, 0, va));
    if (value === 0n) return true;
    if (level === 3 || !isTableEntry(value))
      return isAligned(va, (value & PTE_CONT) === 0n ? bytes : bytes * contiguousRun(space.granule, level as Level));
    table = Number(value & PTE_ADDRESS);
  }
  return true;
}

/** Cleared, then forgotten by all walk caches, and only then given back. */
function* freeTable(cpu: Cpu, k: Kernel, entry: number, va: number, table: number): Op {
  yield* setEntry(cpu, k, entry, 0n);
  yield* flushTlbKernelPgtable(cpu, va);
  pgtableFree(cpu, table);
}

/** One page of a leaf does for all of it. */
function* flushLeaf(cpu: Cpu, k: Kernel, va: number): Op {
  yield* flushTlbKernelRange(cpu, k, va, va + k.space.granule.pageBytes);
}

function* nothing(): Op {}

/** 6.18: leaf by leaf, and whatever the leaf. */
export const MEMORY_HOTPLUG_6_18: MemoryHotplugText = {
  *mayRemove() {
    return true;
  },
  unmapped: flushLeaf,
  flush: nothing,
  freeTable,
};

/** 7.1: one flush for all of the range, and nothing that would need a split (48478b9f7913, 95a58852b0e5). */
export const MEMORY_HOTPLUG_7_1: MemoryHotplugText = {
  mayRemove: bothEndsAreBoundaries,
  unmapped: nothing,
  flush: flushTlbKernelRange,
  freeTable,
};
