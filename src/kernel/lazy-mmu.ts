import { dsb, isb } from '../hardware/barrier.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { store } from '../hardware/load-store.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';
import { PTE_VALID } from './pgtable-prot.ts';

/**
 * Barriers after kernel entries, and their batching. Linux: arch/arm64/include/asm/pgtable.h, "Batch barriers when
 * updating kernel mappings". In lazy mode a valid entry only notes that a barrier is due; leaving emits it once. A task may
 * sleep in it, on arm64: see preempt.ts.
 */

/** Linux: emit_pte_barriers(). */
function* emitPteBarriers(cpu: Cpu): Op {
  yield* dsb(cpu, 'ishst'); // walkers of every CPU see the entry
  yield* isb(cpu); // and so does this CPU's next instruction
}

/** Linux: queue_pte_barriers(). */
export function* queuePteBarriers(cpu: Cpu, k: Kernel): Op {
  if (k.percpu.lazyMmu) k.percpu.lazyMmuPending = true;
  else yield* emitPteBarriers(cpu);
}

/** Linux: arch_enter_lazy_mmu_mode(). */
export function enterLazyMmuMode(k: Kernel): void {
  k.percpu.lazyMmu = true;
}

/** Linux: arch_leave_lazy_mmu_mode(). */
export function* leaveLazyMmuMode(cpu: Cpu, k: Kernel): Op {
  k.percpu.lazyMmu = false;
  if (!k.percpu.lazyMmuPending) return;
  k.percpu.lazyMmuPending = false;
  yield* emitPteBarriers(cpu);
}

/** Linux: __set_pte(), set_pmd(), set_pud(): a store, and a barrier when the entry is valid. `entry`: its address. */
export function* setEntry(cpu: Cpu, k: Kernel, entry: number, value: bigint): Op {
  yield* store(cpu, entry, value);
  if ((value & PTE_VALID) !== 0n) yield* queuePteBarriers(cpu, k);
}
