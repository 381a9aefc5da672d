import type { Bug } from '../bug.ts';
import { ghes, ghesInheritsLazyMode } from '../interrupts/ghes.ts';
import { preemptRt, preemptRtAllocation } from '../repaint/repaint.ts';
import { cpuHotplug, offlineStillCounted, stopWithoutLock } from './cpu-hotplug.ts';
import { debugPagealloc, innerLeaveDefers, noPteIsb } from './debug-pagealloc.ts';
import { kfence, noPteBarriers, splitInSoftirq } from './kfence.ts';
import { givenBackBeforeFlush, leafSplitByRemoval, memoryHotplug, tableFreedBeforeFlush } from './memory-hotplug.ts';

/** Bugs of what comes from beside: interrupts, allocators that change page tables, memory that comes and goes. */
export const hotplugBugs: readonly Bug[] = [
  {
    name: 'allocation-in-stopped-machine',
    wrong: 'the repaint allocates tables while all CPUs stand: under PREEMPT_RT GFP_ATOMIC sleeps on zone->lock there',
    source: 'Yeoreum Yun, December 2025, 20251212161832.2067134-3',
    revision: 'since v4, with PREEMPT_RT',
    fix: 'pagetable_alloc_nolock(), which may fail; or, as acted out, tables that are allocated before the stop',
    act: { bad: preemptRtAllocation, fixed: preemptRt },
  },
  {
    name: 'split-in-atomic-context',
    wrong: 'KFENCE makes a page invalid in a softirq, and split_kernel_leaf_mapping() takes its mutex for it',
    source: 'Guenter Roeck, November 2025',
    revision: '6.18-rc',
    fix: 'an early way out where there are only pages: KFENCE and debug_pagealloc (ce2b3a50ad92)',
    act: { bad: splitInSoftirq, fixed: kfence },
  },
  {
    name: 'nested-lazy-mmu-mode',
    wrong:
      'an allocation in a section of lazy MMU mode maps a page in a section of its own, whose end leaves the barrier to the outer one',
    source:
      '1ef3095b1405: debug_pagealloc under zap_pte_range(); the section that keeps its barrier is a naive way to count them',
    revision: 'never merged',
    fix: 'every end of a section emits what is due, nested or not',
    act: { bad: innerLeaveDefers, fixed: debugPagealloc },
  },
  {
    name: 'barriers-batched-in-interrupts',
    wrong:
      "a handler maps a page outside of any section of lazy MMU mode, and the barrier waits for the end of the section that the task underneath is in. The fixmap of a hardware error's record is our example",
    source: 'syzbot 5c0d9392e042f41d45c5',
    revision: 'until b81c688426a9',
    fix: 'in interrupts barriers are emitted at once, and the flag is left alone (b81c688426a9)',
    act: { bad: ghesInheritsLazyMode, fixed: ghes },
  },
  {
    name: 'no-barrier-after-kernel-pte',
    wrong: 'an entry of the kernel becomes valid, and no DSB follows: an access faults that comes before it is seen',
    source: '7f0b1bf04511',
    revision: 'until 7f0b1bf04511',
    fix: 'DSB ISHST; ISB after each, or after all of a section; and spurious faults at EL1 are forgiven (42f91093b043)',
    act: { bad: noPteBarriers, fixed: kfence },
  },
  {
    name: 'no-isb-after-kernel-pte',
    wrong: 'the DSB is there, and no ISB: an access is not translated again that was translated before the DSB',
    source: 'd0b7a302d58a, which reverts 24fe1b0efad4',
    revision: 'from 24fe1b0efad4 until d0b7a302d58a',
    fix: 'an ISB after the DSB: no CPU has to look again without a context synchronisation event, but for FEAT_ETS2',
    act: { bad: noPteIsb, fixed: debugPagealloc },
  },
  {
    name: 'hot-remove-splits-leaf',
    wrong: 'a part of a leaf is removed, and nobody asks: the rest goes too, or a contiguous group keeps its bit',
    source: '95a58852b0e5',
    revision: 'until 7.0',
    fix: 'memory that ends within a leaf is not removed',
    act: { bad: leafSplitByRemoval, fixed: memoryHotplug },
  },
  {
    name: 'hot-removed-table-freed-early',
    wrong: 'a table of removed memory is freed before walk caches have forgotten it',
    source: 'free_empty_pte_table(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: '__flush_tlb_kernel_pgtable() between clearing the entry and freeing the table',
    act: { bad: tableFreedBeforeFlush, fixed: memoryHotplug },
  },
  {
    name: 'hot-removed-without-flush',
    wrong: 'memory is given back while TLBs still translate to it',
    source: 'unmap_hotplug_range(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'a flush of each leaf, or since 7.1 of the range, before anything is freed (48478b9f7913)',
    act: { bad: givenBackBeforeFlush, fixed: memoryHotplug },
  },
  {
    name: 'stop-machine-without-cpus-read-lock',
    wrong: 'the CPUs that will stop are counted, and then one of them goes offline: the stop waits for it',
    source: 'stop_machine(), kernel/stop_machine.c: stop_machine_cpuslocked() asserts the lock',
    revision: 'never merged',
    fix: 'cpus_read_lock() from before the count until all have left',
    act: { bad: stopWithoutLock, fixed: cpuHotplug },
  },
  {
    name: 'offline-cpu-counted',
    wrong: 'a CPU goes offline and num_online_cpus() stays what it was: the next stop waits for one CPU too many',
    source: 'take_cpu_down(), kernel/cpu.c',
    revision: 'never merged',
    fix: 'set_cpu_online(cpu, false) while all CPUs are stopped',
    act: { bad: offlineStillCounted, fixed: cpuHotplug },
  },
];
