import type { Mark } from '../../kernel/marks.ts';
import type { Spot } from './spot.ts';

/** Which function of Linux a CPU is in after each milestone. 6.18. */
const AFTER: Partial<Record<Mark, string>> = {
  'smp.broughtUp': 'smp_cpus_done(), arch/arm64/kernel/smp.c',
  'capabilities.finalised': 'linear_map_maybe_split_to_ptes(), arch/arm64/mm/mmu.c',
  'repaint.started': 'stop_machine(), kernel/stop_machine.c',
  'stopMachine.prepare': 'multi_cpu_stop(), kernel/stop_machine.c',
  'stopMachine.irqsOff': 'multi_cpu_stop(), kernel/stop_machine.c',
  'stopMachine.run': 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
  'stopMachine.exit': 'multi_cpu_stop(), kernel/stop_machine.c',
  'repaint.painting':
    'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c: smp_cond_load_acquire(&idmap_kpti_bbml2_flag, ...)',
  'repaint.everybodyParked': 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c: range_split_to_ptes()',
  'repaint.painted': 'flush_tlb_kernel_range(), arch/arm64/include/asm/tlbflush.h, from linear_map_split_to_ptes()',
  'repaint.flushed': 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
  'repaint.released': 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
  'repaint.finished': 'mark_linear_text_alias_ro(), arch/arm64/mm/mmu.c',
  'repaint.parking': 'cpu_install_idmap(), arch/arm64/include/asm/mmu_context.h',
  'idmap.installed': '__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S',
  'repaint.parked': '__idmap_cpu_set_reserved_ttbr1 in wait_linear_map_split_to_ptes(), arch/arm64/mm/proc.S',
  'repaint.leaving': 'cpu_uninstall_idmap(), arch/arm64/include/asm/mmu_context.h',
  'split.started': 'split_kernel_leaf_mapping(), arch/arm64/mm/mmu.c',
};

/** Linux: split_pmd() and split_pud() fill a table and link it. */
const SPLIT = 'split_pmd() or split_pud(), arch/arm64/mm/mmu.c';

/** What is announced is what a flush was for. */
const FLUSH = 'flush_tlb_kernel_range(), arch/arm64/include/asm/tlbflush.h';

/** The function that a line after this milestone and this instruction belongs to; undefined where nobody can tell. */
export function linuxPlace({ milestone, after, announced, inInterrupt }: Spot): string | undefined {
  if (announced !== undefined) return FLUSH;
  if (milestone === '' || inInterrupt === true) return undefined;
  const splits = milestone === 'repaint.everybodyParked' || milestone === 'split.started';
  return splits && after === 'fill of a table' ? SPLIT : AFTER[milestone];
}

const MMU = 'arch/arm64/mm/mmu.c';
const PGTABLE_H = 'arch/arm64/include/asm/pgtable.h';
const TLBFLUSH_H = 'arch/arm64/include/asm/tlbflush.h';

/** What the sentences of the kernel's text, and its parts, are in Linux. */
const SENTENCES: Readonly<Record<string, string>> = {
  repaint: `linear_map_split_to_ptes(), ${MMU}`,
  split: `split_kernel_leaf_mapping(), ${MMU}`,
  pageattr: 'update_range_prot(), arch/arm64/mm/pageattr.c',
  'repaint.painter': `smp_processor_id() == 0 in linear_map_split_to_ptes(), ${MMU}`,
  'repaint.initFlag': `init_idmap_kpti_bbml2_flag(), ${MMU}`,
  'repaint.mapFlag': `create_idmap(), ${MMU}`,
  'repaint.waitForSecondaries': `smp_cond_load_acquire() in linear_map_split_to_ptes(), ${MMU}`,
  'repaint.split': `range_split_to_ptes() in linear_map_split_to_ptes(), ${MMU}`,
  'repaint.beforeLink': SPLIT,
  'repaint.flush': `flush_tlb_kernel_range() in linear_map_split_to_ptes(), ${MMU}`,
  'repaint.release': `WRITE_ONCE(idmap_kpti_bbml2_flag, 0) in linear_map_split_to_ptes(), ${MMU}`,
  'repaint.waitForBootCpu': 'wait_linear_map_split_to_ptes(), arch/arm64/mm/proc.S',
  'repaint.setReservedTtbr1': '__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S',
  'split.locked': `pgtable_split_lock in split_kernel_leaf_mapping(), ${MMU}`,
  'split.childLeaf': SPLIT,
  'pageattr.isLeaf': 'pageattr_pmd_entry(), arch/arm64/mm/pageattr.c',
  'pageattr.needsFlush': '__change_memory_common(), arch/arm64/mm/pageattr.c',
  'pageattr.flush': 'flush_tlb_kernel_range() in __change_memory_common(), arch/arm64/mm/pageattr.c',
  'repaint.leaveIdmap': 'cpu_uninstall_idmap(), arch/arm64/include/asm/mmu_context.h',
  'split.filter': `the early returns of split_kernel_leaf_mapping(), ${MMU}`,
  'split.ends': `split_kernel_leaf_mapping_locked(), once for each end, ${MMU}`,
  'split.tableAttributes': SPLIT,
  'split.rangeSplitToPtes': `range_split_to_ptes(), ${MMU}`,
  'pageattr.changed': 'set_pageattr_masks(), arch/arm64/mm/pageattr.c',
  'linearMap.ramFlags': `map_mem(), ${MMU}`,
  'linearMap.flush': `flush_tlb_kernel_range() in update_mapping_prot(), ${MMU}`,
  'realm.breakMapping': '__set_memory_enc_dec(), arch/arm64/mm/pageattr.c',
  'realm.sharedMasks': '__set_memory_enc_dec(), arch/arm64/mm/pageattr.c',
  'realm.setState': 'rsi_set_memory_range(), arch/arm64/include/asm/rsi.h',
  'lazyMmu.waits': `queue_pte_barriers(), ${PGTABLE_H}`,
  'lazyMmu.emit': `emit_pte_barriers(), ${PGTABLE_H}`,
  'lazyMmu.leave': `arch_leave_lazy_mmu_mode(), ${PGTABLE_H}`,
  'setMemory.refuses': 'change_memory_common(), arch/arm64/mm/pageattr.c',
  'setMemory.guarded': 'change_memory_common(), arch/arm64/mm/pageattr.c',
  'setMemory.change': '__change_memory_common(), arch/arm64/mm/pageattr.c',
  'execmem.restoreRox': 'execmem_restore_rox(), mm/execmem.c',
  'execmem.addFree': 'execmem_cache_add_locked(), mm/execmem.c',
  'execmem.retriesPending': 'execmem_cache_free_slow(), mm/execmem.c',
  'execmem.resetLinearMap': 'execmem_cache_clean(), mm/execmem.c',
  'collapse.mayCollapse': 'the collapse of the ROX-cache RFC',
  'collapse.excluded': 'the collapse of the ROX-cache RFC',
  'collapse.blockFor': 'the collapse of the ROX-cache RFC',
  'collapse.retire': 'the collapse of the ROX-cache RFC',
  'contpte.elidesTlbi': 'contpte_convert(), arch/arm64/mm/contpte.c',
  'contpte.gather': 'contpte_convert(), arch/arm64/mm/contpte.c',
  'contpte.tryUnfoldPartial': 'contpte_try_unfold_partial(), arch/arm64/mm/contpte.c',
  'userTlbflush.hint': `__tlbi_level(), ${TLBFLUSH_H}`,
  'userTlbflush.asidOf': `ASID() in __flush_tlb_range_nosync(), ${TLBFLUSH_H}`,
  'userTlbflush.inStrides': `the rounding in __flush_tlb_range_nosync(), ${TLBFLUSH_H}`,
  'userTlbflush.afterWrprotect': 'tlb_flush() at the end of change_protection(), mm/mprotect.c',
  'mm.flushBeforeReuse':
    'flush_context() and local_flush_tlb_all() in check_and_switch_context(), arch/arm64/mm/context.c',
  'tableFree.unlink': `pmd_clear() in pmd_free_pte_page(), pud_clear() in pud_free_pmd_page(), ${MMU}`,
  'tableFree.flush': `__flush_tlb_kernel_pgtable(), ${TLBFLUSH_H}`,
  'tableFree.passLock': `mmap_read_lock(&init_mm) and unlock in pmd_free_pte_page(), ${MMU}`,
  'ptdump.guarded': 'ptdump_walk_pgd(), mm/ptdump.c, and ptdump_walk(), arch/arm64/mm/ptdump.c',
  'patching.cachesCleanInvalPou': 'caches_clean_inval_pou(), arch/arm64/mm/cache.S',
  'vmalloc.purgeFlush': 'flush_tlb_kernel_range() in __purge_vmap_area_lazy(), mm/vmalloc.c',
  'vmalloc.free': 'free_vmap_area_noflush(), mm/vmalloc.c',
  'kprobes.allocInsnPage': 'alloc_insn_page(), arch/arm64/kernel/probes/kprobes.c',
  'memoryHotplug.freeTable': `free_empty_pte_table() and the like, ${MMU}`,
  'memoryHotplug.flush': `flush_tlb_kernel_range() in unmap_hotplug_range(), ${MMU}`,
  'memoryHotplug.mayRemove': `can_unmap_without_split(), ${MMU}`,
  'stopMachine.guarded': 'cpus_read_lock() in stop_machine(), kernel/stop_machine.c',
  'stopMachine.countOnline': 'stop_machine_cpuslocked(), kernel/stop_machine.c',
  'cpuHotplug.setCpuOffline': 'set_cpu_online(cpu, false) in __cpu_disable(), arch/arm64/kernel/smp.c',
  'cpuHotplug.takedownCpu': 'takedown_cpu(), kernel/cpu.c',
  'snapshot.disableSecondaryCpus': 'suspend_disable_secondary_cpus(), include/linux/cpu.h',
  'snapshot.mapPage': 'hibernate_map_page(), kernel/power/snapshot.c',
  'snapshot.flushUnmapped': 'hibernate_unmap_page(), kernel/power/snapshot.c',
  'transPgd.copyLeaf': '_copy_pte(), arch/arm64/mm/trans_pgd.c',
  'resume.switchTtbr1': 'break_before_make_ttbr_switch, arch/arm64/include/asm/assembler.h',
  'resume.leaveCopy': 'swsusp_arch_suspend_exit, arch/arm64/kernel/hibernate-asm.S',
  cpuSupportsBbml2Noabort: 'cpu_supports_bbml2_noabort(), arch/arm64/kernel/cpufeature.c',
  verifyLocalCpuCaps: 'verify_local_cpu_caps(), arch/arm64/kernel/cpufeature.c',
};

/** The sentences whose place in Linux is known. */
export const SENTENCE_PLACES: readonly string[] = Object.keys(SENTENCES);

/** What a sentence is in Linux; undefined where nobody can tell. */
export function linuxSentence(path: string): string | undefined {
  return SENTENCES[path];
}
