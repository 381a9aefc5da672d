import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';

/**
 * Where others have work to do before the capabilities are final, by the function of Linux that has just done its part:
 *   setup_arch    CPU 0 alone, the linear map is there, tables come from memblock: as early as console and ACPI
 *   mm_core_init  CPU 0 alone, and there is a page allocator: mem_encrypt_init(), swiotlb_update_mem_attributes()
 *   cpuhp_online  a secondary that has just come online, before the next one is brought up
 *   smp_init      CPU 0, all early CPUs run; nobody knows yet whether all have BBML2
 *   do_initcalls  CPU 0, and all is known: the last thing before the system runs, and not so early at all
 */
export type EarlyStage = 'setup_arch' | 'mm_core_init' | 'cpuhp_online' | 'smp_init' | 'do_initcalls';

/** Who comes early. Mostly nobody; a scenario may send somebody. */
export interface EarlyText {
  readonly work: (cpu: Cpu, k: Kernel, stage: EarlyStage) => Op;
}

function* nobody(): Op {}

export const NOBODY_EARLY: EarlyText = { work: nobody };
