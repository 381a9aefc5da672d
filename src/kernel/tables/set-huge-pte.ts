import { contiguousRun } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { queuePteBarriers } from './lazy-mmu.ts';
import { PTE_CONT, PTE_VALID } from './pgtable-prot.ts';
import { flushTlbKernelRange } from './tlbflush.ts';

/** Groups of contiguous pages in the kernel's half. Linux: arch/arm64/mm/hugetlbpage.c, for init_mm. */

/** Bytes of a group of contiguous pages. Linux: CONT_PTE_SIZE. */
export function contPteBytes({ space: { granule } }: Pick<Kernel, 'space'>): number {
  return granule.pageBytes * contiguousRun(granule, 3);
}

/**
 * Linux: set_huge_pte_at(), of pages. The group whose first entry lies at `entry` maps `va` and what follows, `pte` being
 * the first of its entries. A live group is broken before it is made anew: hardware may hold it whole, whichever entry is
 * changed. One barrier for all of them.
 */
export function* setHugePteAt(cpu: Cpu, k: Kernel, va: number, entry: number, pte: bigint): Op {
  const { granule } = k.space;
  if ((pte & PTE_CONT) !== 0n && ((yield* load(cpu, entry)) & PTE_VALID) !== 0n) yield* clearFlush(cpu, k, va, entry);
  for (let i = 0; i < contiguousRun(granule, 3); i++)
    yield* store(cpu, entry + 8 * i, pte + BigInt(i * granule.pageBytes));
  yield* queuePteBarriers(cpu, k);
}

/** Linux: clear_flush(). */
function* clearFlush(cpu: Cpu, k: Kernel, va: number, entry: number): Op {
  for (let i = 0; i < contiguousRun(k.space.granule, 3); i++) yield* store(cpu, entry + 8 * i, 0n);
  yield* flushTlbKernelRange(cpu, k, va, va + contPteBytes(k)); // since 6.16: by no ASID, for init_mm has none
}
