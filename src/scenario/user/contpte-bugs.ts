import type { Bug } from '../bug.ts';
import { asidNotFlushed, asidReuse } from './asid-reuse.ts';
import {
  contpte,
  contpteWithoutBbml2,
  dirtyNotGathered,
  groupLeftRagged,
  groupNotUnfolded,
  tlbiElided,
  wrongAsid,
  wrongLevelHint,
  wrprotectNotFlushed,
} from './contpte.ts';
import { hugePageProtected, rangeNotInStrides } from './huge-page.ts';

/** Bugs of user mappings: of contiguous groups that come and go, and of what flushes them. */
export const contpteBugs: readonly Bug[] = [
  {
    name: 'contpte-elided-tlbi',
    wrong:
      'a group is made or taken apart without a TLBI between, where a CPU has no BBML2: old and new entries meet in its TLB',
    source: 'contpte_convert(), arch/arm64/mm/contpte.c, and the review of 83bbd6be7d17',
    revision: 'never merged',
    fix: 'the TLBI is left out only where all CPUs have BBML2 and take no conflict abort',
    act: { bad: tlbiElided, fixed: contpteWithoutBbml2 },
  },
  {
    name: 'live-cont-permissions',
    wrong:
      'the permissions of one entry of a live contiguous group change: its members disagree, and a TLB that holds two of them takes a conflict',
    source: '0bfc445dec9d, the second attempt at contiguous kernel mappings',
    revision: 'of user mappings never; the like of it in the kernel half, until it was reverted',
    fix: 'it was reverted; the third attempt, d27cfa1fc823, keeps what changes out of groups, and contpte takes a group apart before',
    act: { bad: groupNotUnfolded, fixed: contpteWithoutBbml2 },
  },
  {
    name: 'ragged-group',
    wrong:
      'the same on CPUs with BBML2: nobody takes an abort, but after the flush the group is cached again as any member says',
    source: 'contpte_wrprotect_ptes(), arch/arm64/mm/contpte.c',
    revision: 'never merged',
    fix: 'contpte_try_unfold_partial() first',
    act: { bad: groupLeftRagged, fixed: contpte },
  },
  {
    name: 'contpte-dirty-lost',
    wrong: 'a group is converted, or asked, by one of its entries alone: that another was written is forgotten',
    source: 'contpte_convert() and contpte_ptep_get_lockless(), arch/arm64/mm/contpte.c',
    revision: 'never merged',
    fix: 'Access flag and dirty state are gathered from all entries; who has no lock looks whether they belong together',
    act: { bad: dirtyNotGathered, fixed: contpte },
  },
  {
    name: 'wrong-ttl-level',
    wrong: 'a TLBI promises that the leaf is at another level than it is, and so removes nothing',
    source: 'hugetlb and mmu_gather, 2021 and 2025',
    revision: 'since TTL hints, for huge pages',
    fix: 'the level is that of the entries that were changed, or TLBI_TTL_UNKNOWN',
    act: { bad: wrongLevelHint, fixed: contpte },
  },
  {
    name: 'wrong-asid',
    wrong: 'user entries are flushed with the ASID of another process',
    source: '__flush_tlb_range(), arch/arm64/include/asm/tlbflush.h: the vma says whose they are',
    revision: 'never merged',
    fix: 'the ASID is that of vma->vm_mm',
    act: { bad: wrongAsid, fixed: contpte },
  },
  {
    name: 'wrprotect-not-flushed',
    wrong: 'pages are write-protected and nothing is flushed: who has them cached goes on writing',
    source: 'contpte_wrprotect_ptes() leaves it to its caller',
    revision: 'never merged',
    fix: 'the flush of mmu_gather, or of dup_mmap()',
    act: { bad: wrprotectNotFlushed, fixed: contpte },
  },
  {
    name: 'asid-reused',
    wrong: 'a new process gets an ASID under which TLBs still hold pages of another',
    source: 'new_context(), arch/arm64/mm/context.c',
    revision: 'never merged',
    fix: 'a new generation of ASIDs begins with a flush on each CPU; here the one ASID is flushed',
    act: { bad: asidNotFlushed, fixed: asidReuse },
  },
  {
    name: 'range-not-in-strides',
    wrong:
      'a range that is no multiple of its stride is flushed step by step until the address is its end, which never is',
    source: '__flush_tlb_range_op(), arch/arm64/include/asm/tlbflush.h, since 7.x',
    revision: 'never merged',
    fix: 'both ends are rounded to the stride first',
    act: { bad: rangeNotInStrides, fixed: hugePageProtected },
  },
];
