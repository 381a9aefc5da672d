import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { systemCapabilitiesFinalized, systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import { EBUSY } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { warn } from '../warn.ts';
import { isKfenceAddress } from './kfence.ts';

/** Who may split leaves, and who need not. Linux: the beginning of split_kernel_leaf_mapping(), arch/arm64/mm/mmu.c. */

/** Returns what split_kernel_leaf_mapping() returns at once, or undefined where it goes on. `start`: of the range. */
export type SplitFilter = (cpu: Cpu, k: Kernel, start: number) => Op<number | undefined>;

/**
 * As posted in v4 and v5 (assumed: of them only the descriptions were at hand): where the system has no BBML2, or nobody knows yet,
 * 0; whoever walks a block then complains.
 */
export function* filterAsPosted(cpu: Cpu, k: Kernel): Op<number | undefined> {
  return (yield* systemSupportsBbml2Noabort(cpu, k)) ? undefined : 0;
}

/**
 * 6.18. KFENCE and debug_pagealloc come here from atomic context, where the mutex would sleep; theirs are pages already.
 * force_pte_mapping() comes down to debug_pagealloc where the system has BBML2.
 */
export function* filter618(cpu: Cpu, k: Kernel, start: number): Op<number | undefined> {
  if (!(yield* systemSupportsBbml2Noabort(cpu, k))) return 0;
  return k.config.debugPagealloc || (yield* isKfenceAddress(cpu, k, start)) ? 0 : undefined;
}

/**
 * 7.1: also before the capabilities are final, as long as the boot CPU is alone: it has BBML2, or there were no blocks. In two
 * windows nobody can know, or nothing can be allocated: -EBUSY, and a warning for whoever comes so early.
 */
export function* filter71(cpu: Cpu, k: Kernel, start: number): Op<number | undefined> {
  const { linear_map_requires_bbml2, page_alloc_available, num_online_cpus } = k.symbols.variables;
  if ((yield* load(cpu, linear_map_requires_bbml2)) === 0n || (yield* isKfenceAddress(cpu, k, start))) return 0;
  if (yield* systemSupportsBbml2Noabort(cpu, k)) return undefined;
  if (yield* systemCapabilitiesFinalized(cpu, k)) return 0; // repainted: pages only
  if ((yield* load(cpu, page_alloc_available)) === 0n)
    return tooEarly(cpu, start, 'there is no page allocator yet to take a table from');
  if ((yield* load(cpu, num_online_cpus)) > 1n)
    return tooEarly(cpu, start, 'secondary CPUs are running, and whether all have BBML2 is not known yet');
  return undefined;
}

/**
 * The ROX-cache RFC, 2/6: vmalloc areas are split as well. Whether blocks may stand in the linear map does not matter there:
 * all that counts is whether all CPUs can bear a split. (Assumed: the RFC's own condition is bbml2_no_abort.)
 */
export function* filterRoxRfc(cpu: Cpu, k: Kernel, start: number): Op<number | undefined> {
  if (start < k.space.pageEnd) return yield* filter71(cpu, k, start);
  return (yield* systemSupportsBbml2Noabort(cpu, k)) ? undefined : 0;
}

function tooEarly(cpu: Cpu, start: number, why: string): number {
  warn(cpu, 'split_kernel_leaf_mapping', `-EBUSY: ${why}`, start);
  return -EBUSY;
}
