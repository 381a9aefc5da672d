import type { Bug } from '../bug.ts';
import { hibernate } from './hibernate.ts';
import {
  backWithoutFlush,
  copyFreedInUse,
  copyKeepsReadOnly,
  copyLeavesInvalid,
  savedUnmapped,
  secondariesStayOn,
  switchedAtOnce,
  unmappedNotFlushed,
} from './hibernate-twins.ts';

/** Bugs of hibernation: saving what is not mapped, and the copy of the linear map through which the image is written back. */
export const hibernateBugs: readonly Bug[] = [
  {
    name: 'hibernate-beside-others',
    wrong: 'page tables are overwritten while other CPUs run on them, and what those have cached is not flushed',
    source: 'hibernation_snapshot() and resume_target_kernel(), kernel/power/hibernate.c (unverified)',
    revision: 'never merged',
    fix: 'suspend_disable_secondary_cpus() first',
    act: { bad: secondariesStayOn, fixed: hibernate },
  },
  {
    name: 'hibernate-saves-unmapped',
    wrong: 'a page is to be saved that debug_pagealloc, KFENCE or memfd_secret() has taken out of the linear map',
    source: 'safe_copy_page(), kernel/power/snapshot.c; 5ebe3a44cc74 (unverified)',
    revision: 'never merged',
    fix: 'kernel_page_present() says so, and hibernate_map_page() maps it for a moment',
    act: { bad: savedUnmapped, fixed: hibernate },
  },
  {
    name: 'hibernate-unmap-not-flushed',
    wrong: 'a page that was mapped to be saved is taken away again, and can be read as before',
    source:
      'hibernate_unmap_page(), kernel/power/snapshot.c (unverified): set_direct_map_invalid_noflush() does not flush',
    revision: 'never merged',
    fix: 'flush_tlb_kernel_range() of the page',
    act: { bad: unmappedNotFlushed, fixed: hibernate },
  },
  {
    name: 'trans-pgd-leaves-invalid',
    wrong:
      'the copy of the linear map has no translation where the original has none for now: the image is to go there',
    source: '_copy_pte(), arch/arm64/mm/trans_pgd.c; 5ebe3a44cc74 (unverified)',
    revision: 'never merged',
    fix: 'whatever is not empty becomes valid in the copy',
    act: { bad: copyLeavesInvalid, fixed: hibernate },
  },
  {
    name: 'trans-pgd-read-only',
    wrong: 'the copy is read-only where the kernel that resumes protects something, and the image is to go there',
    source: '_copy_pte(), arch/arm64/mm/trans_pgd.c (unverified)',
    revision: 'never merged',
    fix: 'the copy is writable everywhere',
    act: { bad: copyKeepsReadOnly, fixed: hibernate },
  },
  {
    name: 'ttbr1-switched-at-once',
    wrong: 'TTBR1 goes from swapper_pg_dir to the copy at once: what the TLB has cached is read-only still',
    source: 'break_before_make_ttbr_switch, arch/arm64/include/asm/assembler.h (unverified)',
    revision: 'never merged',
    fix: 'an empty table in between, and TLBI VMALLE1',
    act: { bad: switchedAtOnce, fixed: hibernate },
  },
  {
    name: 'ttbr1-back-without-flush',
    wrong: 'the kernel that was saved runs with a TLB full of the copy, in which nothing is protected',
    source: 'swsusp_arch_suspend_exit, arch/arm64/kernel/hibernate-asm.S (unverified)',
    revision: 'never merged',
    fix: 'break_before_make_ttbr_switch on the way back as well',
    act: { bad: backWithoutFlush, fixed: hibernate },
  },
  {
    name: 'trans-pgd-freed-in-use',
    wrong: 'the copy of the linear map is freed while the CPU still walks it',
    source: 'machine_kexec() and hibernation keep its pages out of the allocator until the end (unverified)',
    revision: 'never merged',
    fix: 'another root first',
    act: { bad: copyFreedInUse, fixed: hibernate },
  },
];
