import type { Cpu } from '../../hardware/cpu.ts';
import { dsb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { clearPage } from '../../hardware/instruction/table-fill.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { spinLock, spinUnlock } from '../locking/locks.ts';
import { setEntry } from './lazy-mmu.ts';
import { pgtableAlloc, pgtableFree } from './pgalloc.ts';
import { PTE_ADDRESS, PTE_AF, TABLE_TYPE, TABLE_UXN } from './pgtable-prot.ts';

/**
 * Linux: pud_alloc(), pmd_alloc(), pte_alloc_kernel(), mm/memory.c. Physical address of the table below `entry` (its
 * address), made and linked if there is none; -ENOMEM. Whoever comes second frees what he has made. May sleep.
 */
export function* tableAllocKernel(cpu: Cpu, k: Kernel, entry: number): Op<number> {
  const there = yield* load(cpu, entry);
  if (there !== 0n) return Number(there & PTE_ADDRESS);
  const fresh = yield* pgtableAlloc(cpu, k, 'kernel');
  if (fresh < 0) return -ENOMEM;
  yield* clearPage(cpu, physToVirt(k.space, fresh));
  yield* spinLock(cpu, k, 'init_mm.page_table_lock');
  const other = yield* load(cpu, entry);
  if (other === 0n) {
    yield* dsb(cpu, 'ishst'); // smp_wmb(), a DMB in Linux: no walker sees the link and not yet the zeroes
    yield* setEntry(cpu, k, entry, BigInt(fresh) | TABLE_TYPE | TABLE_UXN | PTE_AF);
  }
  yield* spinUnlock(cpu, k, 'init_mm.page_table_lock');
  if (other === 0n) return fresh;
  pgtableFree(cpu, fresh);
  return Number(other & PTE_ADDRESS);
}
