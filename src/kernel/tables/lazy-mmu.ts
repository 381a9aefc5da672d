import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { store } from '../../hardware/instruction/load-store.ts';
import { read } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import { type Kernel, variablePa } from '../kernel.ts';
import { spinLock, spinUnlock } from '../locking/locks.ts';
import { inInterrupt } from '../locking/preempt.ts';
import { PTE_VALID } from './pgtable-prot.ts';

/**
 * Barriers after kernel entries, and their batching. Linux: arch/arm64/include/asm/pgtable.h, "Batch barriers when
 * updating kernel mappings". In lazy mode a valid entry only notes that a barrier is due; leaving emits it once. A task may
 * sleep in it, on arm64: see preempt.ts.
 */

/** The sentences of the mode. A named bug replaces one of them. */
export interface LazyMmuText {
  /** Linux: emit_pte_barriers(). */
  readonly emit: (cpu: Cpu) => Op;
  /** Whether the barriers that an entry asks for wait until the section is left. */
  readonly waits: (k: Kernel) => boolean;
  /** Linux: arch_leave_lazy_mmu_mode(). */
  readonly leave: (cpu: Cpu, k: Kernel) => Op;
}

function* emit(cpu: Cpu): Op {
  yield* dsb(cpu, 'ishst'); // walkers of every CPU see the entry
  yield* isb(cpu); // and so does this CPU's next instruction
}

/** In an interrupt handler the flag is the interrupted task's, and says nothing. */
function waits(k: Kernel): boolean {
  return k.percpu.lazyMmu && !inInterrupt(k);
}

/**
 * The first to leave emits what is due and ends the mode: the rest of a section around it goes on as if outside, with
 * barriers of its own after each entry.
 */
function* leave(cpu: Cpu, k: Kernel): Op {
  if (inInterrupt(k)) return;
  k.percpu.lazyMmu = false;
  yield* emitDue(cpu, k);
}

function* emitDue(cpu: Cpu, k: Kernel): Op {
  if (!k.percpu.lazyMmuPending) return;
  k.percpu.lazyMmuPending = false;
  yield* k.text.lazyMmu.emit(cpu);
}

export const LAZY_MMU_6_18: LazyMmuText = { emit, waits, leave };

/** Since 7.0 sections are counted: leaving an inner one emits what is due, and the one around it goes on as before. */
function* leaveNested(cpu: Cpu, k: Kernel): Op {
  if (inInterrupt(k)) return;
  k.percpu.lazyMmu = k.percpu.lazyMmuDepth > 0;
  yield* emitDue(cpu, k);
}

export const LAZY_MMU_7_1: LazyMmuText = { emit, waits, leave: leaveNested };

/**
 * Linux: queue_pte_barriers(), as often as `entries` were written. An interrupt handler's entries count at once, whatever the
 * task underneath is doing.
 */
export function* queuePteBarriers(cpu: Cpu, k: Kernel, entries = 1): Op {
  if (k.text.lazyMmu.waits(k)) k.percpu.lazyMmuPending = true;
  else for (let i = 0; i < entries; i++) yield* k.text.lazyMmu.emit(cpu);
}

/** Linux: arch_enter_lazy_mmu_mode(); lazy_mmu_mode_enable() since 7.0. */
export function enterLazyMmuMode(k: Kernel): void {
  if (inInterrupt(k)) return; // the flag is the interrupted task's
  k.percpu.lazyMmu = true;
  k.percpu.lazyMmuDepth++;
}

/** Linux: arch_leave_lazy_mmu_mode(), lazy_mmu_mode_disable(): pairs with `enterLazyMmuMode`. */
export function* leaveLazyMmuMode(cpu: Cpu, k: Kernel): Op {
  if (!inInterrupt(k)) k.percpu.lazyMmuDepth--;
  yield* k.text.lazyMmu.leave(cpu, k);
}

/** Linux: __set_pte(), set_pmd(), set_pud(): a store, and a barrier when the entry is valid. `entry`: its address. */
export function* setEntry(cpu: Cpu, k: Kernel, entry: number, value: bigint): Op {
  if (inSwapperPgdir(k, entry)) {
    yield* setSwapperPgd(cpu, k, entry, value);
    return;
  }
  yield* store(cpu, entry, value);
  if ((value & PTE_VALID) !== 0n) yield* queuePteBarriers(cpu, k);
}

/**
 * Linux: set_swapper_pgd(). Once rodata is read-only an entry of swapper_pg_dir is written through a slot of the fixmap, of which there
 * is one. Barriers come at once either way.
 */
function* setSwapperPgd(cpu: Cpu, k: Kernel, entry: number, value: bigint): Op {
  const throughFixmap = !rodataIsRw(cpu, k);
  if (throughFixmap) yield* spinLock(cpu, k, 'swapper_pgdir_lock');
  yield* store(cpu, entry, value);
  yield* k.text.lazyMmu.emit(cpu);
  if (throughFixmap) yield* spinUnlock(cpu, k, 'swapper_pgdir_lock');
}

/** Linux: rodata_is_rw, until mark_rodata_ro(): just before the system runs. */
function rodataIsRw({ memory }: Cpu, k: Kernel): boolean {
  return read(memory, variablePa(k, 'system_state')) === 0n;
}

function inSwapperPgdir({ symbols, space }: Kernel, entry: number): boolean {
  const offset = entry - FIXMAP - symbols.swapperPgDir;
  return offset >= 0 && offset < space.granule.pageBytes;
}
