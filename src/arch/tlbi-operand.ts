import { type Address, vaToBits } from './address.ts';
import { bit, bits, extract, halfMask, halfShift, insert, pack } from './field.ts';
import { GRANULES, type Granule } from './granule.ts';

/** Xt of TLBI by VA; the address is in units of 4 KiB whatever the granule. TTL is TG and level, 0: not known. */
export const VA_OPERAND = {
  VA: bits(43, 0),
  TTL_level: bits(45, 44),
  TTL_TG: bits(47, 46),
  ASID: bits(63, 48),
} as const;

/** Xt of TLBI by range of VA; BaseADDR is in units of the granule TG. */
export const RANGE_OPERAND = {
  BaseADDR: bits(36, 0),
  TTL: bits(38, 37),
  NUM: bits(43, 39),
  SCALE: bits(45, 44),
  TG: bits(47, 46),
  ASID: bits(63, 48),
} as const;

/** What an operand names: addresses `start` up to, not including, `end`. */
export interface TlbiExtent {
  readonly start: Address;
  readonly end: Address;
  /** The level of the leaves that the hint promises, 0: none promised. */
  readonly ttl: number;
  /** The granule that the operand promises, undefined: none promised. */
  readonly granule: Granule | undefined;
  readonly asid: number;
}

// Fields of a VA operand inside its high half; VA has its upper twelve bits there.
const VA_HIGH = halfMask(bits(43, 32));
const VA_SIGN = halfMask(bit(43));
const TTL_LEVEL_SHIFT = halfShift(VA_OPERAND.TTL_level);
const TTL_TG_SHIFT = halfShift(VA_OPERAND.TTL_TG);
const ASID_SHIFT = halfShift(VA_OPERAND.ASID);
const SIGN_BIT_BASE = bit(36);

function granuleOf(TG: number): Granule | undefined {
  return Object.values(GRANULES).find((granule) => granule.TG === TG);
}

/** The hint as hardware reads it: level 1 of the 16K granule has leaves with FEAT_LPA2 only, so it promises nothing. */
function hinted(granule: Granule | undefined, level: number): number {
  if (granule === undefined || (level === 1 && granule.name === '16K')) return 0;
  return level;
}

/** `ttl` 1..3 promises that the leaf is at that level of `granule`; 0 promises nothing. */
export function encodeVaOperand(va: Address, asid = 0, ttl = 0, granule?: Granule): bigint {
  return pack(VA_OPERAND, {
    VA: Number((vaToBits(va) >> 12n) & 0xfff_ffff_ffffn),
    TTL_level: ttl,
    TTL_TG: ttl === 0 || granule === undefined ? 0 : granule.TG,
    ASID: asid,
  });
}

// Every TLBI comes through here: an operand's halves as numbers are many times faster than its fields as bigints.
const OPERAND = new BigUint64Array(1);
const HALVES = new Uint32Array(OPERAND.buffer);

/** The 4 KiB the operand names; an entry of a larger granule covers all of them or none. */
export function decodeVaOperand(operand: bigint): TlbiExtent {
  OPERAND[0] = operand;
  const low = HALVES[0]!;
  const high = HALVES[1]!;
  const units = (high & VA_HIGH) * 2 ** 32 + low - ((high & VA_SIGN) !== 0 ? 2 ** 44 : 0);
  const start = units * 4096;
  const TG = (high >>> TTL_TG_SHIFT) & 3;
  const granule = TG === 0 ? undefined : granuleOf(TG);
  const ttl = hinted(granule, (high >>> TTL_LEVEL_SHIFT) & 3);
  return { start, end: start + 4096, ttl, granule: ttl === 0 ? undefined : granule, asid: high >>> ASID_SHIFT };
}

/** Pages a range operand covers. */
export function rangePages(NUM: number, SCALE: number): number {
  return (NUM + 1) * 2 ** (5 * SCALE + 1);
}

/** The most pages one range operation covers: 8 GiB with 4 KiB pages. */
export const MAX_RANGE_PAGES = rangePages(31, 3);

/** @throws RangeError unless NUM is 0..31 and SCALE and ttl are 0..3. */
export function encodeRangeOperand(
  start: Address,
  NUM: number,
  SCALE: number,
  granule: Granule,
  asid = 0,
  ttl = 0,
): bigint {
  const base = BigInt.asUintN(37, BigInt(Math.floor(start / granule.pageBytes)));
  return pack(RANGE_OPERAND, { BaseADDR: Number(base), TTL: ttl, NUM, SCALE, TG: granule.TG, ASID: asid });
}

/** A reserved TG names nothing: the extent is empty. */
export function decodeRangeOperand(operand: bigint): TlbiExtent {
  const granule = granuleOf(extract(operand, RANGE_OPERAND.TG));
  const asid = extract(operand, RANGE_OPERAND.ASID);
  if (granule === undefined) return { start: 0, end: 0, ttl: 0, granule, asid };
  const base = extract(insert(operand, SIGN_BIT_BASE, 0), RANGE_OPERAND.BaseADDR);
  const start = (base - extract(operand, SIGN_BIT_BASE) * 2 ** 36) * granule.pageBytes;
  const pages = rangePages(extract(operand, RANGE_OPERAND.NUM), extract(operand, RANGE_OPERAND.SCALE));
  const ttl = hinted(granule, extract(operand, RANGE_OPERAND.TTL));
  return { start, end: start + pages * granule.pageBytes, ttl, granule, asid };
}
