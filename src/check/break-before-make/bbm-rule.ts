import { differInUseOnly, READ_ONLY } from '../../arch/dirty-state.ts';
import { type BbmClass, bbmClasses } from '../../hardware/board/board.ts';

/**
 * What a change of a table word asks of the software. DDI 0487, D8.17 (RWHZWS, RKFLJB, RPVTFW): a change of size or of
 * the contiguous bit may be made in place on CPUs of a sufficient level, if nothing else that matters changes with it.
 */
export type Change =
  /** Nothing a TLB could mix up. */
  | 'none'
  /** Rights only: in place, and a TLBI for it to take effect. */
  | 'permission'
  /** Rights of one entry of a contiguous group: until its neighbours follow, the group is not uniform. */
  | 'member'
  /** The contiguous bit only. */
  | 'contiguous'
  /** The size: a block becomes a table of the same leaves, or the reverse. */
  | 'size'
  /** Output address, memory type, shareability, nG, or several things at once: break-before-make on every CPU. */
  | 'full';

const VALID = 1n;
const TYPE = 2n;
const ADDRESS = 0x0000_ffff_ffff_f000n;
const AF = 1n << 10n;
const CONTIGUOUS = 1n << 52n;
/** AttrIndx, SH and nG: with the output address, what two cached copies must not disagree on. */
const KIND = (7n << 2n) | (3n << 8n) | (1n << 11n);
/** Bits 63:55 of a leaf: the software's own, and those that stage 1 of EL1&0 ignores. */
const IGNORED = 0x1ffn << 55n;
/** Bits 63:59 of a table descriptor; its bits 58:51 and 11:2 mean nothing. */
const TABLE_ATTRIBUTES = 0x1fn << 59n;

/** Looks at memory for `changeOf`. */
export interface Contents {
  /** The table's entries are exactly the leaves of the block, one after the other. */
  readonly sameLeaves: (table: bigint, block: bigint) => boolean;
  /** Both tables translate everything alike, with leaves of the same sizes. */
  readonly sameTables: (one: bigint, other: bigint) => boolean;
}

/** Compares two valid descriptors of one entry at `level`; memory is looked at where one of them is a table. */
export function changeOf(before: bigint, after: bigint, level: number, contents: Contents): Change {
  if (before === after) return 'none';
  const wasTable = isTable(before, level);
  const isNowTable = isTable(after, level);
  if (wasTable && isNowTable) {
    if ((before & ADDRESS) !== (after & ADDRESS)) return contents.sameTables(before, after) ? 'permission' : 'full';
    return (before & TABLE_ATTRIBUTES) === (after & TABLE_ATTRIBUTES) ? 'none' : 'permission';
  }
  if (wasTable !== isNowTable) {
    const [table, block] = wasTable ? [before, after] : [after, before];
    return contents.sameLeaves(table, block) ? 'size' : 'full';
  }
  const changed = (before ^ after) & ~IGNORED;
  if (changed === 0n) return 'none';
  if ((changed & (KIND | ADDRESS)) !== 0n) return 'full';
  if (isUsers(before & after) && differInUseOnly(before, after))
    return (after & READ_ONLY) === 0n ? 'none' : 'permission';
  if ((changed & CONTIGUOUS) === 0n) return (after & CONTIGUOUS) === 0n ? 'permission' : 'member';
  return changed === CONTIGUOUS ? 'contiguous' : 'full';
}

/**
 * Of what EL0 may use, the dirty state is no permission, in contiguous groups neither: who finds the page clean makes it dirty.
 * Of the kernel's own pages nobody keeps it, so that read-only means what it says, with DBM or without.
 */
function isUsers(leaf: bigint): boolean {
  return (leaf & AP_EL0) !== 0n;
}

const AP_EL0 = 1n << 6n;

/** A leaf where it stands: `va` is the first address it translates. */
export interface Leaf {
  readonly descriptor: bigint;
  readonly level: number;
  readonly va: number;
}

/**
 * How an old leaf that may still be cached and a new one disagree about `va`, which both translate. Unlike a change in
 * place, old and new may differ in rights besides: whoever finds both uses either (RNGLXZ).
 */
export function overlapOf(old: Leaf, now: Leaf, va: number): Change {
  const changed = (old.descriptor ^ now.descriptor) & ~IGNORED;
  if ((changed & KIND) !== 0n || outputOf(old, va) !== outputOf(now, va)) return 'full';
  if (old.level !== now.level) return 'size';
  if ((changed & CONTIGUOUS) !== 0n) return 'contiguous';
  return changed === 0n ? 'none' : 'permission';
}

function outputOf({ descriptor, va }: Leaf, at: number): bigint {
  return (descriptor & ADDRESS) + BigInt(at - va);
}

export function isTable(descriptor: bigint, level: number): boolean {
  return level < 3 && (descriptor & (VALID | TYPE)) === (VALID | TYPE);
}

/** What hardware may hold a copy of. Leaves whose use would fault for their access flag are never cached. */
export function isCacheable(descriptor: bigint, level: number): boolean {
  return (descriptor & VALID) !== 0n && (isTable(descriptor, level) || (descriptor & AF) !== 0n);
}

const SEVERITY: readonly Change[] = ['none', 'permission', 'member', 'contiguous', 'size', 'full'];

export function worse(one: Change, other: Change): Change {
  return SEVERITY.indexOf(one) >= SEVERITY.indexOf(other) ? one : other;
}

/** The weakest class on which the change may be made in place; undefined: on none. */
export function weakestAllowed(change: Change): BbmClass | undefined {
  if (change === 'none' || change === 'permission') return 'level0';
  if (change === 'contiguous' || change === 'member') return 'level1';
  return change === 'size' ? 'level2' : undefined;
}

/** `weakest`: the least able CPU that could walk the entry, as an index into the classes. */
export function mayChangeInPlace(change: Change, weakest: number): boolean {
  const needed = weakestAllowed(change);
  return needed !== undefined && weakest >= bbmClasses.indexOf(needed);
}

export function className(index: number): BbmClass {
  return bbmClasses[index] ?? 'level0';
}
