import type { BbmClass } from '../hardware/board.ts';

/**
 * What a change of a table word asks of the software. DDI 0487, D8.17 (RWHZWS, RKFLJB, RPVTFW): a change of size or of
 * the contiguous bit may be made in place on CPUs of a sufficient level, if nothing else that matters changes with it.
 */
export type Change =
  /** Nothing a TLB could mix up. */
  | 'none'
  /** Rights only: in place, and a TLBI for it to take effect. */
  | 'permission'
  /** The contiguous bit only. */
  | 'contiguous'
  /** The size: a block becomes a table of the same leaves, or the reverse. */
  | 'size'
  /** Output address, memory type, shareability, nG, or several things at once: break-before-make on every CPU. */
  | 'full';

const VALID = 1n;
const TYPE = 2n;
const CONTIGUOUS = 1n << 52n;
/** AttrIndx, SH, nG and the output address: what two cached copies must not disagree on. */
const IDENTITY = (7n << 2n) | (3n << 8n) | (1n << 11n) | 0x0000_ffff_ffff_f000n;
/** AP, DBM, PXN, UXN, GP, AF and the software bits: rights and hints. */
const TABLE_ATTRIBUTES = 0xfn << 59n;

/** Whether a table's entries are exactly the leaves of a block, one after the other. */
export type SameLeaves = (table: bigint, block: bigint) => boolean;

/**
 * Compares two valid descriptors of one entry at `level`. `sameLeaves` is asked when one is a table and the other a
 * block.
 */
export function changeOf(before: bigint, after: bigint, level: number, sameLeaves: SameLeaves): Change {
  if (before === after) return 'none';
  const wasTable = isTable(before, level);
  const isNowTable = isTable(after, level);
  if (wasTable && isNowTable) {
    const moved = (before & IDENTITY & ~(7n << 2n)) !== (after & IDENTITY & ~(7n << 2n));
    return moved ? 'full' : (before & TABLE_ATTRIBUTES) === (after & TABLE_ATTRIBUTES) ? 'none' : 'permission';
  }
  if (wasTable !== isNowTable) {
    const [table, block] = wasTable ? [before, after] : [after, before];
    return sameLeaves(table, block) ? 'size' : 'full';
  }
  if ((before & IDENTITY) !== (after & IDENTITY)) return 'full';
  if ((before & CONTIGUOUS) === (after & CONTIGUOUS)) return 'permission';
  return (before & ~CONTIGUOUS) === (after & ~CONTIGUOUS) ? 'contiguous' : 'full';
}

export function isTable(descriptor: bigint, level: number): boolean {
  return level < 3 && (descriptor & (VALID | TYPE)) === (VALID | TYPE);
}

const CLASSES: readonly BbmClass[] = ['level0', 'level1', 'level2', 'level2-noabort', 'level3'];

/** The weakest class on which the change may be made in place; undefined: on none. */
export function weakestAllowed(change: Change): BbmClass | undefined {
  if (change === 'none' || change === 'permission') return 'level0';
  if (change === 'contiguous') return 'level1';
  return change === 'size' ? 'level2' : undefined;
}

/** `weakest`: the least able CPU that could walk the entry, as an index into the classes. */
export function mayChangeInPlace(change: Change, weakest: number): boolean {
  const needed = weakestAllowed(change);
  return needed !== undefined && weakest >= CLASSES.indexOf(needed);
}

export function className(index: number): BbmClass {
  return CLASSES[index] ?? 'level0';
}
