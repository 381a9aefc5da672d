import { LEAF } from './descriptor.ts';
import { maskOf } from './field.ts';

/**
 * What hardware with FEAT_HAFDBS changes in a leaf while it is in use: the Access flag and, where DBM says that the leaf is
 * writable, the read-only bit, which then says that it is clean.
 */
export const AF = maskOf(LEAF.AF);
const DBM = maskOf(LEAF.DBM);
/** AP[2]. */
export const READ_ONLY = 1n << 7n;

/** The output address, and bits 63:55, which stage 1 of EL1&0 leaves to software or ignores. */
const UNCOMPARED = 0x0000_ffff_ffff_f000n | (0x1ffn << 55n);

/**
 * Two leaves of one size that hardware alone may have made different: in the Access flag, or in the dirty state of what is
 * writable. Addresses and the software's own bits are not compared. Members of a contiguous run may differ so. DDI 0487,
 * D8.7 "The Contiguous bit".
 */
export function differInUseOnly(one: bigint, other: bigint): boolean {
  const dirty = (one & other & DBM) !== 0n ? READ_ONLY : 0n;
  return ((one ^ other) & ~(UNCOMPARED | AF | dirty)) === 0n;
}
