import type { Bug } from '../bug.ts';
import { setMemory } from './set-memory.ts';
import {
  kprobeAliasWritable,
  pageOfGroupByItself,
  pageOfGroupNotRefused,
  partOfBlockNotRefused,
  windowLeftOpen,
} from './set-memory-twins.ts';
import { purgeWithoutFlush, reusedBeforePurge, tableStaysInWalkCaches, vmallocInTurns } from './vmalloc.ts';

/** What went wrong, or nearly, where vmalloc areas are mapped and change their permissions. */

export const vmallocBugs: readonly Bug[] = [
  {
    name: 'table-replaced-walk-cache-not-flushed',
    wrong:
      "a block takes the place of an empty table, which is freed, while walk caches still lead to it: a walk reads translations from a page that is somebody else's",
    source: 'reported for ioremap() by Chintan Pandya, 2018; ec28bb9c9b08',
    revision: 'until 2018',
    fix: '__flush_tlb_kernel_pgtable(), which reaches table entries, between the clear and the free',
    act: { bad: tableStaysInWalkCaches, fixed: vmallocInTurns },
  },
  {
    name: 'purged-without-flush',
    wrong: 'addresses that were unmapped are taken for flushed, and are not: old translations of them are still cached',
    source: '__purge_vmap_area_lazy(), mm/vmalloc.c',
    revision: 'never merged',
    fix: 'one flush_tlb_kernel_range() over everything that was freed, before any of it is free again',
    act: { bad: purgeWithoutFlush, fixed: vmallocInTurns },
  },
  {
    name: 'reused-before-purge',
    wrong: 'addresses are given out again right after they were unmapped: the new mapping meets old translations',
    source: 'free_vmap_area_noflush(), mm/vmalloc.c',
    revision: 'never merged',
    fix: 'they wait on a list of their own until a purge has flushed them',
    act: { bad: reusedBeforePurge, fixed: vmallocInTurns },
  },
  {
    name: 'kprobe-alias-writable',
    wrong:
      "a kprobe's page is allocated read-only and executable, so that nobody makes its linear alias read-only: code that can be written to",
    source: '195a1b7d8388 (kprobes: call set_memory_rox() for kprobe page)',
    revision: 'before 6.18',
    fix: 'allocated writable, and set_memory_rox()',
    act: { bad: kprobeAliasWritable, fixed: setMemory },
  },
  {
    name: 'huge-area-not-refused',
    wrong:
      'set_memory_ro() of a part of a block that may not be split warns and fails, when the linear aliases have changed already',
    source: 'fcf8dda8cc48 (arm64: pageattr: explicitly bail out when changing permissions for vmalloc_huge mappings)',
    revision: 'before 6.16',
    fix: '-EINVAL for areas with VM_ALLOW_HUGE_VMAP, before anything has changed',
    act: { bad: partOfBlockNotRefused, fixed: setMemory },
  },
  {
    name: 'page-index-of-tagged-address',
    wrong:
      'the number of a page of an area is worked out from one address with a KASAN tag and one without: some other page changes',
    source: 'a06494adb7ef (arm64: mm: use untagged address to calculate page index), itself fixed later',
    revision: 'around 6.19',
    fix: 'both addresses without their tags',
    act: { why: 'addresses have no tags here: a virtual address is a number below 2^53' },
  },
  {
    name: 'writable-window-left-open',
    wrong:
      'code that was made writable to be patched becomes executable again and not read-only: it can be written to, here and through its linear alias',
    source: 'execmem_force_rw(), mm/execmem.c; seen with the first ROX cache, and with the RFC for arm64',
    revision: 'never merged',
    fix: 'execmem_restore_rox() on every way out: set_memory_rox()',
    act: { bad: windowLeftOpen, fixed: setMemory },
  },
  {
    name: 'live-contiguous-permission-change',
    wrong:
      'a page of a live contiguous group changes its permissions: until the others follow, a CPU without BBML1 may hold the group twice',
    source: '0bfc445dec9d (the second try of contiguous kernel mappings, reverted)',
    revision: 'merged and reverted',
    fix: 'what changes its permissions later has no contiguous entries, or they are taken apart first',
    act: { bad: pageOfGroupNotRefused, fixed: setMemory },
  },
  {
    name: 'page-of-live-group-by-itself',
    wrong:
      'a page of a contiguous group is unmapped, flushed and mapped again by itself: the other entries still stand for the whole group, and both match',
    source: 'XPFO on arm64 (Laura Abbott): TLB conflict aborts on hardware',
    revision: 'never merged',
    fix: 'NO_CONT_MAPPINGS where single pages come and go',
    act: { bad: pageOfGroupByItself, fixed: setMemory },
  },
];
