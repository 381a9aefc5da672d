import type { Cpu } from '../../hardware/cpu.ts';
import { swap } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { spinLock, spinUnlock } from '../locking/locks.ts';
import { pteDirty, pteMkclean, pteMkwrite, ptePa, pteValid } from '../tables/pte.ts';
import { ptepGetAndClear, setPtes, wrprotectPtes } from './contpte.ts';
import { type Mm, pageTableLock } from './mm.ts';
import { flushTlbPage, flushTlbRange } from './user-tlbflush.ts';

/**
 * What the rest of the kernel does with entries of user mappings, through the interface that hides contiguous groups from it.
 * `ptep`: linear address of the entry for `va`.
 */

/** Runs `change` while nobody else changes page tables of `mm`. */
export function* withPageTableLock<T>(cpu: Cpu, k: Kernel, mm: Mm, change: Op<T>): Op<T> {
  yield* spinLock(cpu, k, 'mm->page_table_lock', pageTableLock(mm));
  const result = yield* change;
  yield* spinUnlock(cpu, k, 'mm->page_table_lock', pageTableLock(mm));
  return result;
}

/** Linux: set_pte_range() of a fault, mm/memory.c: `nr` pages of a folio, the first as `pte` says. Nothing was mapped there. */
export function* mapPages(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, pte: bigint, nr: number): Op {
  yield* withPageTableLock(cpu, k, mm, setPtes(cpu, k, mm, va, ptep, pte, nr));
}

/**
 * Linux: copy_present_ptes() of fork, with the flush that dup_mmap() ends with: `nr` pages cannot be written any more. Nobody
 * else may change them before the flush has completed.
 */
export function* writeProtect(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, nr: number): Op {
  const { pageBytes } = k.space.granule;
  const end = va + nr * pageBytes;
  yield* withPageTableLock(cpu, k, mm, wrprotectPtes(cpu, k, mm, va, ptep, nr));
  yield* k.text.userTlbflush.afterWrprotect(cpu, k, mm, va, end, pageBytes, 3, { noWalkCache: true });
  announce(cpu, 'wrprotect', va, end, mm.asid);
}

/**
 * Linux: clear_full_ptes() when the whole mm goes (zap_present_folio_ptes()). Nothing is flushed: nobody runs in it, and its
 * ASID is not given to anybody before that is (tlb_flush(), arch/arm64/include/asm/tlb.h).
 */
export function* clearFullPtes(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, nr: number): Op {
  yield* withPageTableLock(cpu, k, mm, clearPtes(cpu, k, mm, va, ptep, nr));
}

function* clearPtes(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, nr: number): Op {
  const { pageBytes } = k.space.granule;
  yield* k.text.contpte.tryUnfoldPartial(cpu, k, mm, va, ptep, nr);
  for (let i = 0; i < nr; i++) {
    const pte = yield* swap(cpu, ptep + 8 * i, 0n);
    if (pteValid(pte)) cpu.observer.dirtyCollected(cpu, ptePa(pte), pageBytes, pteDirty(pte));
  }
}

/**
 * Linux: mprotect(PROT_READ | PROT_WRITE) of one page, change_pte_range() and tlb_finish_mmu(). Flushed like any change; since 6.19
 * what was invalid is not (pte_needs_flush()), and that this was not.
 */
export function* makeWritable(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op {
  const { pageBytes } = k.space.granule;
  yield* withPageTableLock(cpu, k, mm, commitWritable(cpu, k, mm, va, ptep));
  yield* flushTlbRange(cpu, k, mm, va, va + pageBytes, pageBytes, 3, { noWalkCache: true });
}

function* commitWritable(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op {
  const pte = yield* ptepGetAndClear(cpu, k, mm, va, ptep); // ptep_modify_prot_start(): no use of it is lost from here on
  yield* setPtes(cpu, k, mm, va, ptep, pteMkwrite(pte), 1);
}

/**
 * Linux: page_vma_mkclean_one(), mm/rmap.c: before a page is written to disk. Returns whether it is dirty. Linux takes the
 * right to write away as well, so that it hears of the next store; here hardware makes the page dirty again.
 */
export function* pageMkclean(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op<boolean> {
  return yield* withPageTableLock(cpu, k, mm, mkclean(cpu, k, mm, va, ptep));
}

function* mkclean(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op<boolean> {
  const pte = yield* ptepClearFlush(cpu, k, mm, va, ptep);
  cpu.observer.dirtyCollected(cpu, ptePa(pte), k.space.granule.pageBytes, pteDirty(pte));
  yield* setPtes(cpu, k, mm, va, ptep, pteMkclean(pte), 1);
  return pteDirty(pte);
}

/** Linux: ptep_clear_flush(): nobody uses the page through this entry any more. */
function* ptepClearFlush(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op<bigint> {
  const pte = yield* ptepGetAndClear(cpu, k, mm, va, ptep);
  yield* flushTlbPage(cpu, k, mm, va);
  announce(cpu, 'ptep_clear_flush', va, va + k.space.granule.pageBytes, mm.asid);
  return pte;
}
