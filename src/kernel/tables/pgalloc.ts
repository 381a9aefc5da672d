import type { Cpu } from '../../hardware/cpu.ts';
import { clearPage } from '../../hardware/instruction/table-fill.ts';
import { allocateFrame, FRAME_TABLE, freeFrame } from '../../hardware/memory/frame.ts';
import { CONTROL_ALLOC_ATTEMPTS } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { note } from '../../hardware/trace.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import type { Kernel } from '../kernel.ts';
import { mightSleep } from '../locking/preempt.ts';

/**
 * `kernel`: GFP_PGTABLE_KERNEL, may sleep. `atomic`: GFP_ATOMIC, does not wait for memory, but takes zone->lock, a spinlock:
 * under PREEMPT_RT that sleeps as well. `boot`: memblock, which panics instead of failing. `reserved`: what this CPU took beforehand.
 */
export type Gfp = 'kernel' | 'atomic' | 'boot' | 'reserved';

/**
 * Linux: __pgd_pgtable_alloc(), pgd_pgtable_alloc_init_mm(). Physical address of a page for a table, contents
 * arbitrary; -1 for -ENOMEM. Only a late allocation may fail; whether it does is left to chance where a scenario
 * enables it (see `failAllocations`).
 */
export function* pgtableAlloc(cpu: Cpu, k: Kernel, gfp: Gfp): Op<number> {
  if (gfp === 'reserved') return k.percpu.reservedTables.pop() ?? -1;
  if (gfp === 'kernel') mightSleep(cpu, k, 'pagetable_alloc(GFP_PGTABLE_KERNEL)');
  else if (gfp === 'atomic' && k.config.preemptRt) mightSleep(cpu, k, 'rt_spin_lock(&zone->lock)');
  return takeTablePage(cpu, gfp);
}

function takeTablePage(cpu: Cpu, gfp: Gfp): number {
  Atomics.add(cpu.memory.control, CONTROL_ALLOC_ATTEMPTS, 1);
  if (gfp !== 'boot' && allocationFails(cpu)) return -1;
  const pa = allocateFrame(cpu.memory, FRAME_TABLE);
  if (pa < 0 && gfp === 'boot') throw new Error('the page-table pool is too small for this board');
  if (pa >= 0) note(cpu.trace, 'allocate', 0, pa, 0n);
  return pa;
}

/** As `pgtableAlloc`, zeroed; never fails. Linux: early_pgtable_alloc() and the clear through the fixmap. */
export function* earlyPgtableAlloc(cpu: Cpu): Op<number> {
  const pa = takeTablePage(cpu, 'boot');
  yield* clearPage(cpu, FIXMAP + pa);
  return pa;
}

/** Linux: pagetable_free(): the page goes back, poisoned. */
export function pgtableFree(cpu: Cpu, pa: number): void {
  cpu.step = note(cpu.trace, 'free', 0, pa, 0n);
  cpu.observer.tableFreed(cpu, pa);
  freeFrame(cpu.memory, pa);
}

/** Chance one in this many that a late allocation fails; 0: never. A word of the machine, set by the scenario. */
export const CONTROL_ALLOC_FAILURE = 15;

/** Lets one late page-table allocation in `oneIn` fail (0: none). */
export function failAllocations(control: Int32Array, oneIn: number): void {
  Atomics.store(control, CONTROL_ALLOC_FAILURE, oneIn);
}

function allocationFails(cpu: Cpu): boolean {
  const oneIn = cpu.memory.control[CONTROL_ALLOC_FAILURE]!;
  return oneIn > 0 && cpu.choose(oneIn, 'allocation') === oneIn - 1;
}
