import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { copyPage } from '../../hardware/instruction/page-copy.ts';
import type { Op } from '../../hardware/op.ts';
import { cpuDown } from '../boot/cpu-hotplug.ts';
import type { Kernel } from '../kernel.ts';
import { setDirectMapDefaultNoflush, setDirectMapInvalidNoflush } from '../linear-map/pageattr.ts';
import { tableVa } from '../linear-map/split.ts';
import { entryOffset } from '../tables/pagewalk.ts';
import { isTableEntry, PTE_ADDRESS, PTE_VALID } from '../tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';

/**
 * Hibernation saves every page that is in use, whatever the linear map says of it. Linux: kernel/power/snapshot.c, kernel/cpu.c.
 * One CPU does it, alone and with interrupts off. Unverified: here they stay on: nothing raises any, and a split may sleep, which Linux
 * does not mind while system_state is SYSTEM_SUSPEND.
 */

/** The sentences of saving. A named bug replaces one of them. */
export interface SnapshotText {
  /** Linux: suspend_disable_secondary_cpus(): all others are off afterwards. `cpus`: who is online. */
  readonly disableSecondaryCpus: (cpu: Cpu, k: Kernel, cpus: readonly number[]) => Op;
  /** Linux: hibernate_map_page(): the page at `va` can be read, for a while. */
  readonly mapPage: (cpu: Cpu, k: Kernel, va: number) => Op;
  /** What hibernate_unmap_page() ends with: nobody has the page in his TLB. */
  readonly flushUnmapped: typeof flushTlbKernelRange;
}

function* disableSecondaryCpus(cpu: Cpu, k: Kernel, cpus: readonly number[]): Op {
  for (const id of cpus) if (id !== cpu.id) yield* cpuDown(cpu, k, id);
}

/** Linux: kernel_page_present(): whether the linear map leads to the page at `va`. */
export function* kernelPagePresent(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  const { space, symbols } = k;
  let table = symbols.swapperPgDir;
  for (let level = space.startLevel as number; ; level++) {
    const value = yield* load(cpu, tableVa(k, table) + entryOffset(space, level, 0, va));
    if (level === 3 || !isTableEntry(value)) return (value & PTE_VALID) !== 0n;
    table = Number(value & PTE_ADDRESS);
  }
}

/** Linux: safe_copy_page(): the page at `from` goes to `to`; what debug_pagealloc or KFENCE took away is there for as long. */
export function* safeCopyPage(cpu: Cpu, k: Kernel, to: number, from: number): Op {
  if (yield* kernelPagePresent(cpu, k, from)) {
    yield* copyPage(cpu, to, from);
    return;
  }
  yield* k.text.snapshot.mapPage(cpu, k, from);
  yield* copyPage(cpu, to, from);
  yield* hibernateUnmapPage(cpu, k, from);
}

/** Linux: hibernate_map_page(). It cannot fail, for whoever took the page away has split what was to split. */
function* hibernateMapPage(cpu: Cpu, k: Kernel, va: number): Op {
  yield* setDirectMapDefaultNoflush(cpu, k, va);
}

/** Linux: hibernate_unmap_page(). */
function* hibernateUnmapPage(cpu: Cpu, k: Kernel, va: number): Op {
  const end = va + k.space.granule.pageBytes;
  yield* setDirectMapInvalidNoflush(cpu, k, va);
  yield* k.text.snapshot.flushUnmapped(cpu, k, va, end);
  announce(cpu, 'hibernate_unmap_page', va, end);
}

export const SNAPSHOT_6_18: SnapshotText = {
  disableSecondaryCpus,
  mapPage: hibernateMapPage,
  flushUnmapped: flushTlbKernelRange,
};
