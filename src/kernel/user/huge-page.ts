import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { blockProt, PAGE_SHARED } from '../tables/pgtable-prot.ts';
import { pteWrprotect } from '../tables/pte.ts';
import type { Mm } from './mm.ts';
import { withPageTableLock } from './user-pages.ts';
import { flushTlbRange } from './user-tlbflush.ts';

/** Huge pages of a process: one PMD entry each. Linux: mm/huge_memory.c. `pmdp`: linear address of the entry for `va`. */

/** Linux: map_anon_folio_pmd(), as far as tables go: the huge page at `pa`. Nothing was mapped there. */
export function* mapHugePage(cpu: Cpu, k: Kernel, mm: Mm, pmdp: number, pa: number): Op {
  yield* withPageTableLock(cpu, k, mm, store(cpu, pmdp, BigInt(pa) | blockProt(PAGE_SHARED)));
}

/**
 * Linux: pmdp_set_wrprotect(), and the flush that its caller owes. `[start, end)`: what the caller was asked about, which may be
 * pages in the middle; the huge page is protected as a whole. Nobody writes to it, so that a plain store will do.
 */
export function* writeProtectHugePage(cpu: Cpu, k: Kernel, mm: Mm, pmdp: number, start: number, end: number): Op {
  yield* withPageTableLock(cpu, k, mm, pmdpSetWrprotect(cpu, pmdp));
  yield* flushPmdTlbRange(cpu, k, mm, start, end);
  announce(cpu, 'wrprotect', start, end, mm.asid);
}

function* pmdpSetWrprotect(cpu: Cpu, pmdp: number): Op {
  yield* store(cpu, pmdp, pteWrprotect(yield* load(cpu, pmdp)));
}

/** Linux: flush_pmd_tlb_range(): one operation a huge page. */
function* flushPmdTlbRange(cpu: Cpu, k: Kernel, mm: Mm, start: number, end: number): Op {
  yield* flushTlbRange(cpu, k, mm, start, end, levelBytes(k.space.granule, 2), 2);
}
