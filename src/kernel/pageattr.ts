import type { Cpu } from '../hardware/cpu.ts';
import { load } from '../hardware/load-store.ts';
import { announce } from '../hardware/milestone.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from './lazy-mmu.ts';
import { entryOffset } from './pagewalk.ts';
import { PTE_ADDRESS, PTE_CONT, PTE_RDONLY, PTE_TYPE_PAGE, PTE_VALID, PTE_WRITE } from './pgtable-prot.ts';
import { tableVa } from './split.ts';
import { flushTlbKernelRange } from './tlbflush.ts';

/** Permissions of single pages of the linear map. Linux: arch/arm64/mm/pageattr.c. */

/** Address of the page entry for `va`, or undefined where a block or nothing is mapped: then the page cannot be changed alone. */
function* pteOf(cpu: Cpu, k: Kernel, va: number): Op<number | undefined> {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel; level < 3; level++) {
    const value = yield* load(cpu, tableVa(k, table) + entryOffset(k.space, level, 0, va));
    if ((value & (PTE_VALID | PTE_TYPE_PAGE)) !== (PTE_VALID | PTE_TYPE_PAGE)) return undefined;
    table = Number(value & PTE_ADDRESS);
  }
  return tableVa(k, table) + entryOffset(k.space, 3, 0, va);
}

/**
 * Linux: __change_memory_common() for one page that is mapped as a page: clear, then set, then flush. Returns false and
 * does nothing where the page is part of a block or of a contiguous group.
 */
function* changePage(cpu: Cpu, k: Kernel, va: number, set: bigint, clear: bigint): Op<boolean> {
  const pte = yield* pteOf(cpu, k, va);
  if (pte === undefined) return false;
  const value = yield* load(cpu, pte);
  if ((value & PTE_CONT) !== 0n) return false; // one entry of a live group changed alone is a conflict on weak CPUs
  enterLazyMmuMode(k);
  yield* setEntry(cpu, k, pte, (value & ~clear) | set);
  yield* leaveLazyMmuMode(cpu, k);
  const end = va + k.space.granule.pageBytes;
  yield* flushTlbKernelRange(cpu, k, va, end);
  announce(cpu, 'set_memory', va, end);
  return true;
}

/** Linux: set_memory_ro() on the linear alias of one page. */
export function* setPageRo(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  return yield* changePage(cpu, k, va, PTE_RDONLY, PTE_WRITE);
}

/** Linux: set_memory_rw() on the linear alias of one page. */
export function* setPageRw(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  return yield* changePage(cpu, k, va, PTE_WRITE, PTE_RDONLY);
}
