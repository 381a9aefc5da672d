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
  'split.supported': `system_supports_bbml2_noabort() in split_kernel_leaf_mapping(), ${MMU}`,
  'split.locked': `pgtable_split_lock in split_kernel_leaf_mapping(), ${MMU}`,
  'split.childLeaf': SPLIT,
  'pageattr.isLeaf': 'pageattr_pmd_entry(), arch/arm64/mm/pageattr.c',
  'pageattr.needsFlush': '__change_memory_common(), arch/arm64/mm/pageattr.c',
  'pageattr.flush': 'flush_tlb_kernel_range() in __change_memory_common(), arch/arm64/mm/pageattr.c',
  verifyLocalCpuCaps: 'verify_local_cpu_caps(), arch/arm64/kernel/cpufeature.c',
};

/** What a sentence is in Linux; undefined where nobody can tell. */
export function linuxSentence(path: string): string | undefined {
  return SENTENCES[path];
}
