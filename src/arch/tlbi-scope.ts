import type { Address } from './address.ts';
import type { Granule } from './granule.ts';
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

/** Global leaves match every ASID, except for ASIDE1, which leaves them alone. DDI 0487, "TLBI VAE1" and "TLBI ASIDE1". */
export function asidMatches(operation: TlbiOperation, asid: number, entry: TlbEntryScope): boolean {
  if (operation.allAsid) return true;
  if (entry.leaf && entry.global) return operation.byVa;
  return entry.asid === asid;
}

/** Whether the operation must remove the entry. A hint of the wrong granule obliges to nothing. */
export function coversEntry(operation: TlbiOperation, extent: TlbiExtent, entry: TlbEntryScope): boolean {
  if (!asidMatches(operation, extent.asid, entry)) return false;
  if (!operation.byVa) return true;
  if (extent.granule !== undefined && extent.granule.TG !== entry.granule.TG) return false;
  if (entry.va >= extent.end || entry.va + 2 ** entry.sizeShift <= extent.start) return false;
  return ttlMatches(extent.ttl, operation.lastLevelOnly, entry.level, entry.leaf);
}
