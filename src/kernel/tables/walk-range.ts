import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { addrEnd } from './pagewalk.ts';
import { isTableEntry } from './pgtable-prot.ts';
import { entryVa, linkOf, readEntry, swapperLink, type TableLink } from './table-link.ts';

/** Walks over the kernel's tables by software. Linux: mm/pagewalk.c. */

/** An entry that a walk has come to. */
export interface Visited {
  readonly level: number;
  /** Address of the entry, as the kernel reaches it. */
  readonly entry: number;
  readonly value: bigint;
  /** The part of the range that the entry translates. */
  readonly va: number;
  readonly next: number;
  /** All that the entry translates. */
  readonly bytes: number;
}

/** Returns 0, or an error that ends the walk. */
export type Visit = (visited: Visited) => Op<number>;

/** Linux: struct mm_walk_ops, and walk->action is settled: below a leaf, or nothing, a walk does not go. */
export interface WalkOps {
  /** pud_entry and pmd_entry: every entry there that is not empty, table or leaf, before what hangs below it. */
  readonly blockEntry: Visit;
  /** pte_entry: every entry of a last-level table, empty ones too. */
  readonly pteEntry: Visit;
}

/**
 * Linux: walk_kernel_page_table_range_lockless(). Visits the entries that translate `[start, end)` in order. Returns 0, the
 * first error of `ops`, or -EINVAL for an empty range. Nothing keeps tables from being freed under it, and nobody else from
 * writing the same entries: the caller must own the range. Each entry is read once, where Linux reads some again.
 */
export function* walkKernelPageTableRangeLockless(
  cpu: Cpu,
  k: Kernel,
  start: number,
  end: number,
  ops: WalkOps,
): Op<number> {
  if (start >= end) return -EINVAL;
  return yield* walkTable(cpu, k, swapperLink(cpu, k), k.space.startLevel, start, end, ops);
}

function* walkTable(
  cpu: Cpu,
  k: Kernel,
  table: TableLink,
  level: number,
  start: number,
  end: number,
  ops: WalkOps,
): Op<number> {
  const { space } = k;
  const bytes = levelBytes(space.granule, level);
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const value = yield* readEntry(cpu, k, table, level, va);
    const visited: Visited = { level, entry: entryVa(k, table, level, va), value, va, next, bytes };
    let error = 0;
    if (level === 3) error = yield* ops.pteEntry(visited);
    else if (value !== 0n) {
      if (level > 0) error = yield* ops.blockEntry(visited);
      if (error === 0 && isTableEntry(value))
        error = yield* walkTable(cpu, k, linkOf(cpu, value), level + 1, va, next, ops);
    }
    if (error !== 0) return error;
  }
  return 0;
}
