import type { Bug } from '../bug.ts';
import { lateCpu, lateCpuAdmitted } from './late-cpu.ts';
import {
  bootCpuDoesNotWait,
  earlyReturn,
  flagNotInIdmap,
  flagStartsAtZero,
  heldUpCpu,
  linkedBeforeVisible,
  noFlush,
  noReservedTtbr1,
  outOfMemory,
  painterWithoutBbml2,
  releaseBeforeFlushCompletes,
  repaint,
  reservedTtbr1WithoutIsb,
  reservedTtbr1WithoutTlbi,
  secondariesStayOnSwapper,
} from './repaint.ts';

/** What went wrong, or nearly, in the boot and in the repaint. */

export const repaintBugs: readonly Bug[] = [
  {
    name: 'secondaries-on-swapper',
    wrong:
      "the secondaries wait in the kernel's own address space while it is repainted, and walk it, if only speculatively",
    source: "review of v3 and v4 (Ryan Roberts: 'use idmap')",
    revision: 'never merged',
    fix: 'they wait in the idmap, with TTBR1 on the reserved table',
    act: { bad: secondariesStayOnSwapper, fixed: repaint },
  },
  {
    name: 'no-reserved-ttbr1',
    wrong:
      'the secondaries run from the idmap, but TTBR1 still points at swapper: their walkers go on speculating there',
    source: 'review of v3 and v4; __idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S',
    revision: 'never merged',
    fix: 'TTBR1 on reserved_pg_dir; ISB; TLBI VMALLE1; DSB NSH; ISB',
    act: { bad: noReservedTtbr1, fixed: repaint },
  },
  {
    name: 'reserved-ttbr1-without-isb',
    wrong: 'the CPU counts itself parked before the write to TTBR1_EL1 is in force',
    source: '__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S',
    revision: 'never merged',
    fix: 'an ISB after the MSR',
    act: { bad: reservedTtbr1WithoutIsb, fixed: repaint },
  },
  {
    name: 'reserved-ttbr1-without-tlbi',
    wrong: 'the CPU counts itself parked while its walk cache still leads into the tables of swapper_pg_dir',
    source: '__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S',
    revision: 'never merged',
    fix: 'TLBI VMALLE1; DSB NSH; ISB once TTBR1 on reserved_pg_dir is in force',
    act: { bad: reservedTtbr1WithoutTlbi, fixed: repaint },
  },
  {
    name: 'flag-not-in-idmap',
    wrong:
      'the flag is not mapped writable in the idmap: a parked CPU faults where not even the vectors can be reached',
    source: 'v5, bbml2_ptes[]',
    revision: 'never merged',
    fix: 'create_idmap() maps the flag read-write',
    act: { bad: flagNotInIdmap, fixed: repaint },
  },
  {
    name: 'flag-does-not-count-boot-cpu',
    wrong: 'the flag starts at 0 instead of 1: the boot CPU waits for one CPU more than there are',
    source: 'init_idmap_kpti_bbml2_flag(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'it starts at 1, for the boot CPU itself',
    act: { bad: flagStartsAtZero, fixed: repaint },
  },
  {
    name: 'wrong-painter',
    wrong: 'the CPU that repaints is not the one that is known to have BBML2: it changes its own mappings under itself',
    source: 'comment in linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'CPU 0, which is the boot CPU, repaints',
    act: { bad: painterWithoutBbml2, fixed: repaint },
  },
  {
    name: 'boot-cpu-does-not-wait',
    wrong: 'the boot CPU splits before every secondary has parked',
    source: 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c: smp_cond_load_acquire()',
    revision: 'never merged',
    fix: 'it waits until the flag counts every CPU that is online',
    act: { bad: bootCpuDoesNotWait, fixed: heldUpCpu },
  },
  {
    name: 'repaint-not-flushed',
    wrong: 'the secondaries are let back in with nothing flushed: blocks and pages are both cached',
    source: 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'flush_tlb_kernel_range() before the flag is cleared',
    act: { bad: noFlush, fixed: repaint },
  },
  {
    name: 'released-before-flush-completed',
    wrong: 'the flag is cleared between the TLBI and its DSB',
    source: "comment in v4's review: the store relies on the DSB in flush_tlb_kernel_range()",
    revision: 'never merged',
    fix: 'a DSB ISH before the flag is cleared',
    act: { bad: releaseBeforeFlushCompletes, fixed: repaint },
  },
  {
    name: 'table-linked-before-filled',
    wrong:
      'nothing orders the entries of a new table before the entry that points to it: a walk finds what lay there before',
    source: 'comment in split_pmd(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'DSB ISHST between the two',
    act: { bad: linkedBeforeVisible, fixed: repaint },
  },
  {
    name: 'repaint-does-nothing',
    wrong:
      'the repaint calls a split that does nothing on a system without BBML2, which is the only system that calls it: all blocks stay',
    source: 'v5, 20250724221216.1998696: split_kernel_pgtable_mapping() from linear_map_split_to_ptes()',
    revision: 'v5',
    fix: 'v6 splits what range_split_to_ptes() finds, without asking',
    act: { bad: earlyReturn, fixed: repaint },
  },
  {
    name: 'repaint-out-of-memory',
    wrong: 'GFP_ATOMIC fails half-way through the repaint: there is no way back, and the kernel panics by design',
    source: 'linear_map_split_to_ptes(), arch/arm64/mm/mmu.c',
    revision: 'all',
    fix: 'none: so early in the boot memory is expected to be there, as it is in the good scenario',
    act: { bad: outOfMemory, fixed: repaint },
  },
  {
    name: 'late-cpu-admitted',
    wrong: 'a CPU without BBML2 comes up after the system has come to rely on it',
    source: 'verify_local_cpu_caps(), arch/arm64/kernel/cpufeature.c',
    revision: 'never merged',
    fix: 'cpu_die_early()',
    act: { bad: lateCpuAdmitted, fixed: lateCpu },
  },
  {
    name: 'c1-ultra-live-lock',
    wrong: 'erratum 3683289: C1-Ultra and C1-Premium up to r1p0 live-lock where break-before-make is skipped',
    source: 'the allow list of 7.3 starts at r1p1',
    revision: 'parts up to r1p0',
    fix: 'the allow list leaves them out',
    act: { why: 'what locks up is inside the core: how, and after which accesses, has not been published' },
  },
  {
    name: 'smmu-sva-gate',
    wrong:
      'a rename left the SMMU driver calling a helper that was gone: an SMMU without BBML2 could have shared the tables',
    source: 'd8fc0793cf68',
    revision: '7.3, before it was released',
    fix: 'the driver asks the new helper',
    act: { why: 'boards have no SMMU; an SMMU would be one more walker of the weakest class' },
  },
  {
    name: 'image-alias-split',
    wrong:
      "the linear alias of the kernel's text is split with the rest, or is taken out by way of memblock while it is in use",
    source: 'v5 against v6 of the series',
    revision: 'never merged',
    fix: 'the repaint leaves [_stext, __init_begin) out',
    act: { why: 'it costs memory and is correct: the alias may be split like anything else' },
  },
];
