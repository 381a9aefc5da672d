import type { Bug } from '../bug.ts';
import {
  early,
  earlyAlone,
  notSplitBeforeFinal,
  realm,
  realmUnknown,
  secondaryAskedForItself,
  splitBeforeFinal,
} from './early.ts';
import { groupMemberProtected, groupMemberTakenAway, pagesOnly } from './pages-only.ts';
import { askedBeforeBroken, askedOnce, brokenNotFlushed, mappedThoughRefused, realmShare } from './realm-share.ts';
import { splitLeaf, splitLinkedBeforeVisible } from './split.ts';
import { oneEndSplit, pxnLost, returnValueIgnored, splitRange } from './split-range.ts';
import { splitNotLazy, splitWhole } from './split-whole.ts';
import { flushElided, invalidBlockPassedOver, setBeforeClear, validity, validityWithKpti } from './validity.ts';

/** What went wrong, or nearly, where blocks are split and permissions change. */

export const splitBugs: readonly Bug[] = [
  {
    name: 'split-refused-before-final',
    wrong:
      'a realm shares pages long before the capabilities are final: the split says 0 and does nothing, and the walker meets a block that it has part of',
    source: 'report by Jinjiang Tu, 16 March 2026; f12b435de2f2',
    revision: '6.18 to 7.0',
    fix: 'the boot CPU may split while it is alone and memory can be had; in between the answer is -EBUSY',
    act: { bad: notSplitBeforeFinal, fixed: earlyAlone },
  },
  {
    name: 'predicate-of-another-cpu',
    wrong:
      'force_pte_mapping() is asked on a secondary before the capabilities are final: it answers for that CPU, and the split is skipped',
    source: 'f12b435de2f2; before it 6.18 asked whether all CPUs have BBML2 first, which hid it',
    revision: 'in 6.18, where nobody came to it',
    fix: 'linear_map_requires_bbml2 keeps what the boot CPU decided when it made the map',
    act: { bad: secondaryAskedForItself, fixed: early },
  },
  {
    name: 'split-in-the-dark',
    wrong:
      'the boot CPU splits a block while secondaries run of which nobody knows yet whether they have BBML2, and one has it cached',
    source: 'f12b435de2f2',
    revision: 'never merged',
    fix: '-EBUSY and a warning as long as num_online_cpus() is more than 1 and the capabilities are not final',
    act: { bad: splitBeforeFinal, fixed: early },
  },
  {
    name: 'realm-unknown-to-map-mem',
    wrong:
      'is_realm_world() is still false when the linear map is made: with rodata=noalias a realm gets blocks that nobody will split',
    source: 'Catalin Marinas and Ryan Roberts, April 2026',
    revision: '7.1; open when it was reported',
    fix: 'none yet; with rodata=full the map is made to be split',
    act: { bad: realmUnknown, fixed: realm },
  },
  {
    name: 'barriers-for-every-entry',
    wrong: 'a range is split outside lazy MMU mode: a DSB and an ISB for each page, slow and nothing worse',
    source: '40a292f70147',
    revision: '6.18-rc',
    fix: 'range_split_to_ptes() brackets its walk with lazy MMU mode',
    act: { bad: splitNotLazy, fixed: splitWhole },
  },
  {
    name: 'invalid-block-passed-over',
    wrong: 'a block that was made invalid is no leaf to whoever wants it back: he is told 0, and it stays away',
    source: '15bfba1ad77f',
    revision: '6.18 to 7.0',
    fix: 'such entries are marked PRESENT_INVALID, and pud_leaf() and pmd_leaf() know them',
    act: { bad: invalidBlockPassedOver, fixed: validity },
  },
  {
    name: 'set-before-clear',
    wrong: 'the bits to set and to clear are applied in the wrong order, where nG and PRESENT_INVALID are one bit',
    source: '15bfba1ad77f, comment',
    revision: 'never merged',
    fix: 'cleared first, then set',
    act: { bad: setBeforeClear, fixed: validityWithKpti },
  },
  {
    name: 'children-not-visible',
    wrong: 'no DSB between filling the table and the store that links it: a walker may find anything in it',
    source: 'split_pmd(), arch/arm64/mm/mmu.c, comment',
    revision: 'never merged',
    fix: 'DSB ISHST before the link, also in lazy MMU mode',
    act: { bad: splitLinkedBeforeVisible, fixed: splitLeaf },
  },
  {
    name: 'pxn-lost',
    wrong: 'the table that takes the place of a block, and its entries, have lost PXN',
    source: 'split_pmd(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'PXN of the block becomes PXNTable, and stays in the entries',
    act: { bad: pxnLost, fixed: splitRange },
  },
  {
    name: 'one-end-split',
    wrong: 'of a range only the start is split: the walker meets a block at its end when half of it has changed',
    source: 'split_kernel_leaf_mapping(), arch/arm64/mm/mmu.c',
    revision: 'never merged',
    fix: 'both ends, under one lock; one of them where the range is a page',
    act: { bad: oneEndSplit, fixed: splitRange },
  },
  {
    name: 'return-value-ignored',
    wrong: 'set_memory_ro() says -ENOMEM, nobody listens, and text that is writable is relied upon',
    source: '0ec364c0c95f (kprobes); list of callers by Dev Jain',
    revision: '6.18-rc; some callers still',
    fix: 'callers look at what is returned, and let go of the text',
    act: { bad: returnValueIgnored, fixed: splitRange },
  },
  {
    name: 'flush-elided-too-often',
    wrong: 'no flush where pages become valid, although other bits change with that: the old permissions stay cached',
    source:
      'Steven Price, 2024, arm64: mm: Avoid TLBI when marking pages as valid: __change_memory_common() compares both masks',
    revision: 'never merged',
    fix: 'left out only where invalid becomes valid and nothing else happens',
    act: { bad: flushElided, fixed: validity },
  },
  {
    name: 'contiguous-group-in-place',
    wrong: 'permissions of some entries of a live contiguous group change on CPUs that may not: TLB conflicts',
    source: '0bfc445dec9d, which reverts contiguous kernel mappings',
    revision: 'merged once, and taken back',
    fix: 'the aliases of what becomes read-only have no contiguous entries (d27cfa1fc823)',
    act: { bad: groupMemberProtected, fixed: pagesOnly },
  },
  {
    name: 'contiguous-group-page-taken-away',
    wrong: 'single pages of a contiguous linear map are taken away and given back: TLB conflict aborts',
    source: 'XPFO, seen on hardware by Laura Abbott',
    revision: 'never merged',
    fix: 'NO_CONT_MAPPINGS where single pages come and go',
    act: { bad: groupMemberTakenAway, fixed: pagesOnly },
  },
  {
    name: 'realm-state-before-mapping',
    wrong:
      'the monitor makes a page EMPTY while it is mapped: who reads a word beyond his own page takes an external abort, and no exception table helps',
    source: 'comment in __set_memory_enc_dec(), arch/arm64/mm/pageattr.c (unverified)',
    revision: 'never merged',
    fix: 'the mapping is broken first: what is read then is a translation fault, which load_unaligned_zeropad() copes with',
    act: { bad: askedBeforeBroken, fixed: realmShare },
  },
  {
    name: 'realm-mapping-not-flushed',
    wrong: 'a page is taken out of the tables and shared, while TLBs still lead to it at its old address',
    source: 'comment in __set_memory_enc_dec(), arch/arm64/mm/pageattr.c (unverified)',
    revision: 'never merged',
    fix: '__change_memory_common() flushes whatever is not exactly invalid to valid',
    act: { bad: brokenNotFlushed, fixed: realmShare },
  },
  {
    name: 'realm-refusal-ignored',
    wrong: 'the host refuses to share a page, nobody looks, and a driver gets a mapping that leads nowhere',
    source: '__set_memory_enc_dec(), arch/arm64/mm/pageattr.c: the answer of the monitor is checked',
    revision: 'never merged',
    fix: 'the page stays unmapped, and is leaked',
    act: { bad: mappedThoughRefused, fixed: realmShare },
  },
  {
    name: 'realm-range-half-done',
    wrong: 'the host stops in the middle of a range, and the rest is taken for shared as well',
    source: 'rsi_set_memory_range(), arch/arm64/include/asm/rsi.h (unverified): it goes on from where the call says',
    revision: 'never merged',
    fix: 'the monitor is asked again until all is done',
    act: { bad: askedOnce, fixed: realmShare },
  },
];
