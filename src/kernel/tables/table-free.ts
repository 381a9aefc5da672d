import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { downRead, upRead } from '../locking/locks.ts';
import { staticBranchUnlikely } from '../ptdump/static-key.ts';
import { setEntry } from './lazy-mmu.ts';
import { pgtableFree } from './pgalloc.ts';
import { isTableEntry, PTE_ADDRESS } from './pgtable-prot.ts';
import { flushTlbKernelPgtable } from './tlbflush.ts';

/**
 * Tables of the vmalloc area are freed when a block takes their place, and not before. Linux: pmd_free_pte_page(),
 * pud_free_pmd_page(), arch/arm64/mm/mmu.c, 6.18.
 *
 * By then nothing is mapped in them, but walkers may have the way to them: the MMU's of all CPUs, whose walk caches the flush
 * empties, and ptdump, which reads tables without a lock against whoever changes them. A dumper holds init_mm.mmap_lock
 * for writing, and so whoever frees a table need only have had it for reading once after the table was unlinked: any dumper
 * that could have seen the link is gone then. While nobody dumps, a static key saves even that.
 */

/** The sentences of freeing a table. A named bug replaces one of them. */
export interface TableFreeText {
  /** Empties `entry`, which leads to a table for `va` and what follows; no walk comes to the table afterwards. */
  readonly unlink: (cpu: Cpu, k: Kernel, entry: number, va: number) => Op;
  /** Makes every walker forget the table for `va`. Ends with a context synchronisation of this CPU. */
  readonly flush: typeof flushTlbKernelPgtable;
  /** Returns when no dumper is about that has read a link which is no more. */
  readonly waitForDumpers: (cpu: Cpu, k: Kernel) => Op;
  /** Waits until whoever holds init_mm.mmap_lock for writing has given it back. */
  readonly passLock: (cpu: Cpu, k: Kernel) => Op;
}

/**
 * Linux: pmd_free_pte_page(). `entry`: address of a PMD entry that leads to a table in which nothing is mapped; `va`: the
 * first address it translates. The entry is empty afterwards, and the table is given back. May sleep. Answers true: where
 * there is no table, nothing has to be freed (Linux warns).
 */
export function* pmdFreePtePage(cpu: Cpu, k: Kernel, entry: number, va: number): Op<boolean> {
  return yield* freePteTable(cpu, k, entry, va, true);
}

/** Linux: __pmd_free_pte_page(). `waits`: dumpers may come to this PMD entry. */
function* freePteTable(cpu: Cpu, k: Kernel, entry: number, va: number, waits: boolean): Op<boolean> {
  const pmd = yield* load(cpu, entry);
  if (!isTableEntry(pmd)) return true;
  const { tableFree } = k.text;
  yield* tableFree.unlink(cpu, k, entry, va);
  if (waits) yield* tableFree.waitForDumpers(cpu, k);
  pgtableFree(cpu, tableOf(pmd));
  return true;
}

/**
 * Linux: pud_free_pmd_page(): the same for a PUD entry, whose PMD table goes together with the PTE tables below it. The PUD
 * is cleared first: what hangs below it is out of every dumper's sight then, and one wait does for all.
 */
export function* pudFreePmdPage(cpu: Cpu, k: Kernel, entry: number, va: number): Op<boolean> {
  const pud = yield* load(cpu, entry);
  if (!isTableEntry(pud)) return true;
  const { tableFree } = k.text;
  yield* tableFree.unlink(cpu, k, entry, va);
  yield* tableFree.waitForDumpers(cpu, k);
  yield* freePteTables(cpu, k, tableOf(pud), va);
  pgtableFree(cpu, tableOf(pud));
  return true;
}

/** The PTE tables below the PMD table at `table`, each with a flush for its own addresses. */
function* freePteTables(cpu: Cpu, k: Kernel, table: number, va: number): Op {
  const { granule } = k.space;
  const first = physToVirt(k.space, table);
  for (let i = 0; i < granule.entriesPerTable; i++) {
    i += yield* skipInvalid(cpu, first + 8 * i, granule.entriesPerTable - i);
    if (i < granule.entriesPerTable) yield* freePteTable(cpu, k, first + 8 * i, va + i * levelBytes(granule, 2), false);
  }
}

const tableOf = (entry: bigint): number => Number(entry & PTE_ADDRESS);

/** Cleared, and only then flushed: a walk after the flush would find the way to the table again. */
function* unlink(cpu: Cpu, k: Kernel, entry: number, va: number): Op {
  yield* setEntry(cpu, k, entry, 0n); // no barrier of its own: the flush begins with one
  yield* k.text.tableFree.flush(cpu, va);
}

/**
 * A dumper that comes later than the clear sees an empty entry; one that came before has the lock, or had the key turned on
 * before it took it. So the order is: clear, DSB, ISB, branch. Pairs with ptdump_walk_pgd(), and with its static_branch_inc().
 */
function* waitForDumpers(cpu: Cpu, k: Kernel): Op {
  if (yield* staticBranchUnlikely(cpu, k, 'arm64_ptdump_lock_key')) yield* k.text.tableFree.passLock(cpu, k);
}

/** An empty critical section: who walked before the link was cleared has left, and who comes later does not find it. */
function* passLock(cpu: Cpu, k: Kernel): Op {
  yield* downRead(cpu, k, 'init_mm.mmap_lock');
  yield* upRead(cpu, k, 'init_mm.mmap_lock');
}

/** Freeing tables as merged in 6.18. */
export const TABLE_FREE_6_18: TableFreeText = { unlink, flush: flushTlbKernelPgtable, waitForDumpers, passLock };
