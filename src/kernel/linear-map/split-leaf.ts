import { isAligned } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { enterLazyMmuMode, leaveLazyMmuMode } from '../tables/lazy-mmu.ts';
import { entryOffset } from '../tables/pagewalk.ts';
import { isPresent, isTableEntry, PTE_ADDRESS, PTE_CONT } from '../tables/pgtable-prot.ts';
import { runOf } from './linear-map.ts';
import {
  childLeaf,
  rangeSplitToPtes,
  splitContpmd,
  splitContpte,
  splitPmd,
  splitPud,
  tableAttributes,
  tableVa,
  validChildLeaf,
} from './split.ts';
import { filter71, filter618, filterAsPosted, filterRoxRfc, type SplitFilter } from './split-filter.ts';

/**
 * Leaf boundaries where somebody is about to change permissions. Linux: split_kernel_leaf_mapping(), arch/arm64/mm/mmu.c. Who
 * may come so far differs by revision: see split-filter.ts. Away from the cut everything stays as large as it can be.
 */

/** The sentences of the split. A named bug replaces one of them. */
export interface SplitText {
  /** Undefined: there may be something to split, and that is legal. Else what is returned without a look at the tables. */
  readonly filter: SplitFilter;
  /** Runs `split` while nobody else splits. */
  readonly locked: (cpu: Cpu, k: Kernel, split: Op<number>) => Op<number>;
  /** Makes both ends boundaries of leaves; the lock is held. */
  readonly ends: (cpu: Cpu, k: Kernel, start: number, end: number) => Op<number>;
  /** The first entry of the table that takes the place of `block`, a leaf of `level`. */
  readonly childLeaf: typeof childLeaf;
  readonly tableAttributes: typeof tableAttributes;
  /** A whole range, for a KFENCE that is enabled late. */
  readonly rangeSplitToPtes: typeof rangeSplitToPtes;
}

/**
 * Linux: split_kernel_leaf_mapping(). Makes `start` and `end` boundaries of leaves; may sleep. Returns 0, -EINVAL where
 * one of them is not page-aligned, -EBUSY (7.1) or -ENOMEM; then what was split stays split, which is merely finer than needed. 0 says
 * that nothing went wrong, not that the range was split: without BBML2 whoever walks it has to complain of blocks. No TLBI:
 * old and new translations are the same until the caller changes them, and his flush takes the old blocks along.
 */
export function* splitKernelLeafMapping(cpu: Cpu, k: Kernel, start: number, end: number): Op<number> {
  const answer = yield* k.text.split.filter(cpu, k, start);
  if (answer !== undefined) return answer;
  const { pageBytes } = k.space.granule;
  if (!isAligned(start, pageBytes) || !isAligned(end, pageBytes)) return -EINVAL;
  return yield* k.text.split.locked(cpu, k, lazily(cpu, k, k.text.split.ends(cpu, k, start, end)));
}

/** In one lazy section, which sleeps in the allocator: legal on arm64 alone. */
function* lazily(cpu: Cpu, k: Kernel, split: Op<number>): Op<number> {
  enterLazyMmuMode(k);
  const error = yield* split;
  yield* leaveLazyMmuMode(cpu, k);
  return error;
}

function* splitEnds(cpu: Cpu, k: Kernel, start: number, end: number): Op<number> {
  if (end - start === k.space.granule.pageBytes)
    return yield* splitKernelLeafMappingLocked(cpu, k, lessAligned(start, end));
  const error = yield* splitKernelLeafMappingLocked(cpu, k, start);
  return error !== 0 ? error : yield* splitKernelLeafMappingLocked(cpu, k, end);
}

/**
 * Of the two ends of a page, the one that ends the smaller leaf: the odd one. Both lie in one contiguous group, or the other
 * bounds it; taking the group apart for this one makes the other a boundary as well.
 */
function lessAligned(start: number, end: number): number {
  return isAligned(start, 2 * (end - start)) ? end : start;
}

/** Linux: split_kernel_leaf_mapping_locked(). Makes `va` a boundary of leaves, from the largest to the smallest. */
export function* splitKernelLeafMappingLocked(cpu: Cpu, k: Kernel, va: number): Op<number> {
  const { space } = k;
  let table = k.symbols.swapperPgDir;
  for (let level = space.startLevel as number; level <= 3; level++) {
    const bytes = levelBytes(space.granule, level);
    if (isAligned(va, bytes * runOf(k, level))) return 0;
    const entry = tableVa(k, table) + entryOffset(space, level, 0, va);
    const value = yield* load(cpu, entry);
    if (!isPresent(value)) return 0;
    if (level === 3 || !isTableEntry(value)) {
      if ((value & PTE_CONT) !== 0n) yield* (level === 2 ? splitContpmd : splitContpte)(cpu, k, entry);
      if (isAligned(va, bytes)) return 0;
      const error = yield* (level === 1 ? splitPud : splitPmd)(cpu, k, entry, value & ~PTE_CONT, 'kernel', true);
      if (error !== 0) return error;
    }
    table = Number((yield* load(cpu, entry)) & PTE_ADDRESS);
  }
  return 0;
}

function* locked(cpu: Cpu, k: Kernel, split: Op<number>): Op<number> {
  yield* mutexLock(cpu, k, 'pgtable_split_lock');
  const error = yield* split;
  yield* mutexUnlock(cpu, k, 'pgtable_split_lock');
  return error;
}

/** The sentences that the older revisions share. */
const common = { locked, ends: splitEnds, childLeaf: validChildLeaf, tableAttributes, rangeSplitToPtes };

export const SPLIT_POSTED: SplitText = { ...common, filter: filterAsPosted };
export const SPLIT_6_18: SplitText = { ...common, filter: filter618 };
export const SPLIT_7_1: SplitText = { ...common, childLeaf, filter: filter71 };
export const SPLIT_ROX_RFC: SplitText = { ...SPLIT_7_1, filter: filterRoxRfc };
