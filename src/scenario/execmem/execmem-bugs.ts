import type { Bug } from '../bug.ts';
import { execmem } from './execmem.ts';
import { collapseBesideWalk, execmemPair } from './execmem-pair.ts';
import {
  cleanLeavesReadOnly,
  cleanNotFlushed,
  collapsePageMapped,
  collapseUnchecked,
  collapseWithoutBbml2,
  execmemMixed,
  execmemPageMapped,
  freedBeforeDsb,
  freeNotMerged,
  pendingNotRetried,
  walkCacheNotFlushed,
} from './execmem-twins.ts';

/** What went wrong, or may, with the ROX cache on arm64. */

const RFC = 'the ROX-cache RFC, 20260611130144.1385343-1-abarnas@google.com';

export const execmemBugs: readonly Bug[] = [
  {
    name: 'rox-clean-leaves-read-only',
    wrong:
      'set_direct_map_valid() of pages that the cache gives up sets the valid bit and nothing else: they go back read-only, and their next owner takes a permission fault',
    source: `${RFC}, 3/6`,
    revision: 'never merged',
    fix: 'the default permissions: valid and writable',
    act: { bad: cleanLeavesReadOnly, fixed: execmem },
  },
  {
    name: 'rox-clean-not-flushed',
    wrong: 'the pages become writable again without a flush, and CPUs that have them cached as read-only fault',
    source: 'inferred: the set_direct_map functions end in _noflush, but for the one that flushes',
    revision: 'never merged',
    fix: 'flush_tlb_kernel_range() before the pages go back',
    act: { bad: cleanNotFlushed, fixed: execmem },
  },
  {
    name: 'rox-writable-copy',
    wrong:
      'the first attempt wrote to copies of module text, which alternatives and CFI took for the text itself: crashes at boot',
    source: '20250113112934.GA8385 (Peter Zijlstra), disabled in 6.13-rc',
    revision: '6.13-rc, x86',
    fix: 'execmem_force_rw() and execmem_restore_rox() in place of the copy',
    act: { why: 'what went wrong is which bytes were patched; page tables and TLBs were as they should be' },
  },
  {
    name: 'rox-free-not-merged',
    wrong: 'free slices stay apart, so that no area of the cache ever is free as a whole, and none is given back',
    source: 'execmem_cache_add_locked(), mm/execmem.c',
    revision: 'never merged',
    fix: 'merge with the free areas before and behind',
    act: { bad: freeNotMerged, fixed: execmem },
  },
  {
    name: 'rox-pending-not-retried',
    wrong: "a slice for which there was no memory in the tree of free areas is nobody's for good",
    source: 'execmem_cache_free(), mm/execmem.c, 6.17',
    revision: 'never merged',
    fix: 'it stays in the tree of busy areas, tagged, and delayed work tries again',
    act: { bad: pendingNotRetried, fixed: execmem },
  },
  {
    name: 'collapse-walk-cache',
    wrong: 'flush_tlb_kernel_range() is last-level only: walk caches still lead to the table that is freed',
    source: `${RFC}, 6/6; DDI 0487, D8.17: inferred`,
    revision: 'never merged',
    fix: '__flush_tlb_kernel_pgtable(): TLBI VAAE1IS',
    act: { bad: walkCacheNotFlushed, fixed: execmem },
  },
  {
    name: 'collapse-frees-before-dsb',
    wrong: 'the table is freed while the TLBI that makes walkers forget it is on its way',
    source: `${RFC}, 6/6: inferred`,
    revision: 'never merged',
    fix: 'TLBI; DSB ISH; and then free',
    act: { bad: freedBeforeDsb, fixed: execmem },
  },
  {
    name: 'collapse-unchecked',
    wrong: 'a block is made of pages that are not alike: what somebody is writing to becomes read-only for everybody',
    source: `${RFC}, 6/6: inferred`,
    revision: 'never merged',
    fix: 'all entries of the table are compared, under pgtable_split_lock',
    act: { bad: collapseUnchecked, fixed: execmem },
  },
  {
    name: 'collapse-without-bbml2',
    wrong: 'a block takes the place of a table in one store where a CPU cannot bear both sizes at once',
    source: `${RFC}, 5/6: inferred`,
    revision: 'never merged',
    fix: 'system_supports_bbml2_noabort() first',
    act: { bad: collapseWithoutBbml2, fixed: execmemMixed },
  },
  {
    name: 'collapse-page-mapped',
    wrong:
      'a block is made where the linear map was made of pages: split_kernel_leaf_mapping() takes nobody seriously who wants to split there (linear_map_requires_bbml2 is false), and the next change of a page fails',
    source: `${RFC}, 6/6: inferred`,
    revision: 'never merged',
    fix: 'linear_map_requires_bbml2 as well',
    act: { bad: collapsePageMapped, fixed: execmemPageMapped },
  },
  {
    name: 'collapse-beside-walk',
    wrong:
      'update_range_prot() walks without pgtable_split_lock, which was good enough as long as nobody freed a table: a collapse in between, and the walk meets a block, or writes to a freed page',
    source: `${RFC}, 6/6: inferred`,
    revision: 'never merged',
    fix: 'a lock from the split to the end of the walk; here init_mm.mmap_lock, for reading, and the collapse has it for writing',
    act: { bad: collapseBesideWalk, fixed: execmemPair },
  },
];
