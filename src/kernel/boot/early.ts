import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { setMemoryDecrypted } from '../linear-map/realm.ts';

/**
 * Where others have work to do before the capabilities are final, by the function of Linux that has just done its part:
 *   setup_arch    CPU 0 alone, the linear map is there, tables come from memblock: as early as console and ACPI
 *   mm_core_init  CPU 0 alone, and there is a page allocator: mem_encrypt_init(), swiotlb_update_mem_attributes()
 *   cpuhp_online  a secondary that has just come online, before the next one is brought up
 *   smp_init      CPU 0, all early CPUs run; nobody knows yet whether all have BBML2
 *   kthread       any CPU that has nothing else to do until the system runs: a kernel thread, beside all that CPU 0 does
 *   do_initcalls  CPU 0, and all is known: the last thing before the system runs, and not so early at all
 */
export type EarlyStage = 'setup_arch' | 'mm_core_init' | 'cpuhp_online' | 'smp_init' | 'kthread' | 'do_initcalls';

/** Who comes early: a realm; a scenario may send others. */
export interface EarlyText {
  readonly work: (cpu: Cpu, k: Kernel, stage: EarlyStage) => Op;
}

/**
 * Linux: swiotlb_update_mem_attributes(): the pages through which devices serve a realm are shared with the host as soon as there
 * is an allocator, long before anybody knows whether all CPUs have BBML2.
 */
function* realmSharesItsBuffers(cpu: Cpu, k: Kernel, stage: EarlyStage): Op {
  if (stage !== 'mm_core_init' || k.swiotlb === undefined) return;
  const { base, bytes } = k.swiotlb;
  yield* setMemoryDecrypted(cpu, k, physToVirt(k.space, base), bytes / k.space.granule.pageBytes);
}

export const EARLY: EarlyText = { work: realmSharesItsBuffers };

export const NOBODY_EARLY: EarlyText = { *work() {} };
