import type { MemoryBank } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { forcePteMappingNow } from '../boot/cpufeature.ts';
import type { Kernel } from '../kernel.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { localIrqRestore, localIrqSave } from '../locking/preempt.ts';
import { setMemoryValid } from './pageattr.ts';

/**
 * KFENCE at work: objects whose pages are taken out of the linear map while they are free. Linux: mm/kfence/core.c,
 * arch/arm64/include/asm/kfence.h. Objects come and go wherever the slab allocator is called, in softirqs too. The guard
 * pages, which are never mapped once KFENCE runs, are left as they are: nothing here goes astray into them.
 */

/** States of the variable `kfence_enabled`; 0: nobody has tried yet. */
export const KFENCE_ENABLED = 1n;
export const KFENCE_REFUSED = 2n;

/** Linux: kfence_init(), kfence_init_late(): takes the pool into use. False: KFENCE stays off. */
export function* kfenceInit(cpu: Cpu, k: Kernel): Op<boolean> {
  const pool = poolOf(k);
  const ready = pool !== undefined && (yield* archKfenceInitPool(cpu, k, pool));
  yield* store(cpu, k.symbols.variables.kfence_enabled, ready ? KFENCE_ENABLED : KFENCE_REFUSED);
  return ready;
}

/**
 * Linux: arch_kfence_init_pool(), arch/arm64/mm/mmu.c. The pages of a late pool came from the allocator, and may be blocks:
 * they are split in place, which is legal only while every CPU can stand it. No TLBI: nothing but sizes has changed.
 */
function* archKfenceInitPool(cpu: Cpu, k: Kernel, { base, bytes }: MemoryBank): Op<boolean> {
  if (k.kfencePool !== undefined || (yield* forcePteMappingNow(cpu, k))) return true;
  const start = physToVirt(k.space, base);
  yield* mutexLock(cpu, k, 'pgtable_split_lock');
  const error = yield* k.text.split.rangeSplitToPtes(cpu, k, start, start + bytes, 'kernel');
  yield* mutexUnlock(cpu, k, 'pgtable_split_lock');
  return error === 0;
}

function poolOf({ kfencePool, kfenceLatePool }: Kernel): MemoryBank | undefined {
  return kfencePool ?? kfenceLatePool;
}

/** Linux: READ_ONCE(kfence_enabled). */
export function* kfenceEnabled(cpu: Cpu, k: Kernel): Op<boolean> {
  return (yield* load(cpu, k.symbols.variables.kfence_enabled)) === KFENCE_ENABLED;
}

/** Linux: metadata_to_pageaddr(): two pages in front, and a guard page after each object's. */
export function kfenceObject(k: Kernel, index: number): number {
  return physToVirt(k.space, poolOf(k)!.base + (2 + 2 * index) * k.space.granule.pageBytes);
}

/** Linux: kfence_guarded_free(): whoever touches the page from here on is caught. */
export function* kfenceGuardedFree(cpu: Cpu, k: Kernel, object: number): Op {
  yield* setMemoryValid(cpu, k, object, 1, false); // kfence_protect()
}

/** Linux: kfence_guarded_alloc(): the page is there again before anybody is given it, and is written to at once. */
export function* kfenceGuardedAlloc(cpu: Cpu, k: Kernel, object: number): Op {
  const masked = localIrqSave(cpu, k, 'raw_spin_lock_irqsave(&meta->lock)');
  yield* setMemoryValid(cpu, k, object, 1, true); // kfence_unprotect()
  localIrqRestore(cpu, masked);
  yield* load(cpu, object); // set_canary(): RAM that nothing backs is not written to here
}
