import { type Address, isAligned } from './address.ts';
import { type Granule, levelBytes } from './granule.ts';
import type { TlbiOperation } from './tlbi.ts';
import type { TlbiExtent } from './tlbi-operand.ts';

/** What a TLBI needs to know of a cached translation, or of a cached table descriptor. */
export interface TlbEntryScope {
  /** First address the entry covers, and log2 of the bytes: a page, a block, a contiguous run, or a table's reach. */
  readonly va: Address;
  readonly sizeShift: number;
  /** The level its descriptor came from. */
  readonly level: number;
  /** False for walk-cache entries: table descriptors. */
  readonly leaf: boolean;
  readonly granule: Granule;
  /** Walk-cache entries are never global: they belong to the ASID that was current at the walk. */
  readonly global: boolean;
  readonly asid: number;
}

/**
 * Whether an operation with that level hint (0: none) reaches a leaf, or a table descriptor, of that level. A hint
 * keeps to leaves of its own level and, unless `lastLevelOnly`, to the tables above it.
 */
export function ttlMatches(ttl: number, lastLevelOnly: boolean, level: number, leaf: boolean): boolean {
  if (leaf) return ttl === 0 || ttl === level;
  return !lastLevelOnly && (ttl === 0 || level < ttl);
}

/**
 * Whether the operand of an operation by VA fits translations with pages of `2 ** pageShift` bytes. Where it does not,
 * nothing need be removed: a range and a level hint name a granule, and a range with a hint has to begin where an entry of
 * that level does. DDI 0487, "TLBI VAE1" (TTL) and "TLBI RVAE1" (TG, TTL).
 */
export function fitsGranule(operation: TlbiOperation, extent: TlbiExtent, pageShift: number): boolean {
  const { granule, ttl, start } = extent;
  if (granule === undefined) return !operation.range;
  if (granule.pageShift !== pageShift) return false;
  return !operation.range || ttl === 0 || isAligned(start, levelBytes(granule, ttl));
}

/** Global leaves match every ASID, except for ASIDE1, which leaves them alone. DDI 0487, "TLBI VAE1" and "TLBI ASIDE1". */
export function asidMatches(operation: TlbiOperation, asid: number, entry: TlbEntryScope): boolean {
  if (operation.allAsid) return true;
  if (entry.leaf && entry.global) return operation.byVa;
  return entry.asid === asid;
}

/** Whether the operation must remove the entry. */
export function coversEntry(operation: TlbiOperation, extent: TlbiExtent, entry: TlbEntryScope): boolean {
  if (!asidMatches(operation, extent.asid, entry)) return false;
  if (!operation.byVa) return true;
  if (!fitsGranule(operation, extent, entry.granule.pageShift)) return false;
  if (entry.va >= extent.end || entry.va + 2 ** entry.sizeShift <= extent.start) return false;
  return ttlMatches(extent.ttl, operation.lastLevelOnly, entry.level, entry.leaf);
}
