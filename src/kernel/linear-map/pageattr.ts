import { formatSize } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { announce, promise } from '../../hardware/instruction/milestone.ts';
import type { Op } from '../../hardware/op.ts';
import { canSetDirectMap } from '../config.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from '../tables/lazy-mmu.ts';
import {
  isPresent,
  isTableEntry,
  maybeNg,
  PTE_NG,
  PTE_PRESENT_INVALID,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';
import { type Visit, walkKernelPageTableRangeLockless } from '../tables/walk-range.ts';
import { warn } from '../warn.ts';
import { splitKernelLeafMapping } from './split-leaf.ts';

/**
 * Permissions of ranges of the kernel's address space. Linux: arch/arm64/mm/pageattr.c.
 *
 * No lock is taken but for the split: whoever changes a range owns it. Nothing is rolled back.
 */

/** The sentences of a change. A named bug replaces one of them. */
export interface PageattrText {
  /** Whether a PUD or PMD entry maps something itself. */
  readonly isLeaf: (value: bigint) => boolean;
  /** What an entry has in place of PTE_VALID after it was taken away. */
  readonly takenAway: bigint;
  /** An entry after its change. */
  readonly changed: (value: bigint, set: bigint, clear: bigint) => bigint;
  /** Whether old translations may be about that the change makes wrong. */
  readonly needsFlush: (set: bigint, clear: bigint) => boolean;
  readonly flush: typeof flushTlbKernelRange;
}

/** Linux: pud_sect(), pmd_sect(), up to 7.0. An entry that was made invalid is none. */
function isSect(value: bigint): boolean {
  return (value & PTE_VALID) !== 0n && !isTableEntry(value);
}

/** Linux: pud_leaf(), pmd_leaf(), since 7.1: a block that was made invalid is one still, else nobody could bring it back. */
function isLeaf(value: bigint): boolean {
  return isPresent(value) && !isTableEntry(value);
}

/** In this order: nG and PRESENT_INVALID are one bit, and may be in both masks. */
function clearThenSet(value: bigint, set: bigint, clear: bigint): bigint {
  return (value & ~clear) | set;
}

/** Only what is translated can be cached: of entries that were invalid and become valid, and nothing else, there is no old copy. */
function needsFlush618(set: bigint, clear: bigint): boolean {
  return set !== PTE_VALID || clear !== 0n;
}

/** The same by the masks of 7.1. */
function needsFlush71(set: bigint, clear: bigint): boolean {
  return (set & ~PTE_NG) !== PTE_VALID || clear !== PTE_PRESENT_INVALID;
}

/** 6.18: a block that was taken away cannot be told from nothing. */
export const PAGEATTR_6_18: PageattrText = {
  isLeaf: isSect,
  takenAway: 0n,
  changed: clearThenSet,
  needsFlush: needsFlush618,
  flush: flushTlbKernelRange,
};

export const PAGEATTR_7_1: PageattrText = {
  ...PAGEATTR_6_18,
  isLeaf,
  takenAway: PTE_PRESENT_INVALID,
  needsFlush: needsFlush71,
};

/**
 * Linux: update_range_prot(). Clears, then sets, in every leaf of `[start, start + bytes)`; barriers are batched, old
 * translations stay about. Returns 0, what the split returns, or -EINVAL at a block of which the range has a part; what comes
 * before that in the range is changed then.
 */
export function* updateRangeProt(
  cpu: Cpu,
  k: Kernel,
  start: number,
  bytes: number,
  set: bigint,
  clear: bigint,
): Op<number> {
  const splitError = yield* splitKernelLeafMapping(cpu, k, start, start + bytes);
  if (splitError !== 0) {
    warn(cpu, 'update_range_prot', `split_kernel_leaf_mapping() returned ${splitError}`, start);
    return splitError;
  }
  enterLazyMmuMode(k);
  const error = yield* walkKernelPageTableRangeLockless(cpu, k, start, start + bytes, {
    blockEntry: pageattrBlockEntry(cpu, k, set, clear),
    pteEntry: pageattrPteEntry(cpu, k, set, clear),
  });
  yield* leaveLazyMmuMode(cpu, k);
  return error;
}

/** Linux: pageattr_pud_entry(), pageattr_pmd_entry(): a leaf as a whole in one store, or not at all. */
function pageattrBlockEntry(cpu: Cpu, k: Kernel, set: bigint, clear: bigint): Visit {
  return function* ({ level, entry, value, va, next, bytes }) {
    if (!k.text.pageattr.isLeaf(value)) return 0;
    if (next - va !== bytes) {
      const by = level === 1 ? 'pageattr_pud_entry' : 'pageattr_pmd_entry';
      warn(cpu, by, `of a leaf of ${formatSize(bytes)} only ${formatSize(next - va)} are to change`, va);
      return -EINVAL;
    }
    yield* setEntry(cpu, k, entry, k.text.pageattr.changed(value, set, clear));
    return 0;
  };
}

/**
 * Linux: pageattr_pte_entry(). Does not look at the contiguous bit: where the split has seen to the ends, a group that still
 * has it is changed as a whole, entry by entry; until the flush an access may find the old or the new permission.
 */
function pageattrPteEntry(cpu: Cpu, k: Kernel, set: bigint, clear: bigint): Visit {
  return function* ({ entry, value }) {
    yield* setEntry(cpu, k, entry, k.text.pageattr.changed(value, set, clear));
    return 0;
  };
}

/** Where the split has failed nothing has: blocks of the range are still anybody's to split. */
const mayHaveChanged = (error: number): boolean => error === 0 || error === -EINVAL;

/** Something that was translated is not any more, or otherwise. */
function withdraws(set: bigint, clear: bigint): boolean {
  return (set & ~PTE_NG) !== PTE_VALID || (clear & ~PTE_PRESENT_INVALID) !== 0n;
}

/**
 * Linux: __change_memory_common(): and a flush, also where the change failed half-way. What is said afterwards is what any revision
 * means by it: old translations are out of use, but where all that changed is that invalid became valid; and after 0 the
 * range is as it was to be.
 */
export function* changeMemory(
  cpu: Cpu,
  k: Kernel,
  start: number,
  bytes: number,
  set: bigint,
  clear: bigint,
): Op<number> {
  const error = yield* updateRangeProt(cpu, k, start, bytes, set, clear);
  if (k.text.pageattr.needsFlush(set, clear)) yield* k.text.pageattr.flush(cpu, k, start, start + bytes);
  if (mayHaveChanged(error) && withdraws(set, clear)) announce(cpu, 'set_memory', start, start + bytes);
  if (error === 0) promise(cpu, 'set_memory', { start, end: start + bytes, set, clear });
  return error;
}

/**
 * The linear aliases of pages become read-only: what set_memory_ro() of a vmalloc area comes to under rodata=full, of several
 * pages at once. This and the next return 0 or an error of `updateRangeProt`.
 */
export function* linearAliasRo(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemory(cpu, k, va, pages * k.space.granule.pageBytes, PTE_RDONLY, PTE_WRITE);
}

/** ... and writable again, as set_memory_rw() has it. */
export function* linearAliasRw(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemory(cpu, k, va, pages * k.space.granule.pageBytes, PTE_WRITE, PTE_RDONLY);
}

/** Linux: PTE_PRESENT_VALID_KERNEL, 7.1; before that PTE_VALID alone, for nG stayed where it was. */
export function validKernel({ config, text }: Kernel): bigint {
  return text.pageattr.takenAway === 0n ? PTE_VALID : maybeNg(config, PTE_VALID);
}

/** Linux: set_memory_valid(): maps pages of the linear map, or takes them away. Does not ask whether they are RAM. */
export function* setMemoryValid(cpu: Cpu, k: Kernel, va: number, pages: number, enable: boolean): Op<number> {
  const { takenAway } = k.text.pageattr;
  const [set, clear] = enable ? [validKernel(k), takenAway] : [takenAway, validKernel(k)];
  return yield* changeMemory(cpu, k, va, pages * k.space.granule.pageBytes, set, clear);
}

/** Linux: can_set_direct_map(), once it is known whether this is a realm. */
function mayChangeLinearMap({ config }: Kernel): boolean {
  return canSetDirectMap(config) || config.realm;
}

/** Linux: set_direct_map_invalid_noflush(), of the page at `va`. Returns 0 too where nobody may change single pages. */
export function* setDirectMapInvalidNoflush(cpu: Cpu, k: Kernel, va: number): Op<number> {
  if (!mayChangeLinearMap(k)) return 0;
  return yield* updateRangeProt(cpu, k, va, k.space.granule.pageBytes, k.text.pageattr.takenAway, validKernel(k));
}

/** Linux: set_direct_map_default_noflush(): there, and writable, whatever it was. */
export function* setDirectMapDefaultNoflush(cpu: Cpu, k: Kernel, va: number): Op<number> {
  if (!mayChangeLinearMap(k)) return 0;
  const { pageBytes } = k.space.granule;
  return yield* updateRangeProt(
    cpu,
    k,
    va,
    pageBytes,
    validKernel(k) | PTE_WRITE,
    k.text.pageattr.takenAway | PTE_RDONLY,
  );
}

/**
 * The ROX-cache RFC, 3/6: pages that somebody made read-only are there again, and writable. [I] In one go, and flushed: their next
 * owner writes, and must not meet an old permission.
 */
export function* setDirectMapDefault(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  if (!mayChangeLinearMap(k)) return 0;
  const clear = k.text.pageattr.takenAway | PTE_RDONLY;
  return yield* changeMemory(cpu, k, va, pages * k.space.granule.pageBytes, validKernel(k) | PTE_WRITE, clear);
}

/** Linux: set_direct_map_valid_noflush(): flushes all the same what it takes away, and makes nothing writable again. */
export function* setDirectMapValidNoflush(cpu: Cpu, k: Kernel, va: number, pages: number, valid: boolean): Op<number> {
  if (!mayChangeLinearMap(k)) return 0;
  return yield* setMemoryValid(cpu, k, va, pages, valid);
}

/** Linux: __kernel_map_pages(): what debug_pagealloc does to free pages. Nobody hears of errors. */
export function* kernelMapPages(cpu: Cpu, k: Kernel, va: number, pages: number, enable: boolean): Op {
  if (mayChangeLinearMap(k)) yield* setMemoryValid(cpu, k, va, pages, enable);
}
