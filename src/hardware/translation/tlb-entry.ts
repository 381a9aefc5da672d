import { LEAF } from '../../arch/descriptor.ts';
import { halfMask } from '../../arch/field.ts';
import { POWER } from '../../arch/power.ts';
import { TLB_ENTRY_BYTES } from '../memory/layout.ts';

/**
 * The entries of one CPU's TLB, in the shared buffer. What a lookup and a fill touch of an entry lies together: a cache
 * line of doubles, and a quarter of one of words.
 */
export interface TlbEntries {
  /** Four doubles an entry: `TAG`, `PA`, `LEAF_PA`, `FILLED_STEP`. */
  readonly doubles: Float64Array;
  /** Four words an entry: `ASID`, `KIND`, and the halves of the descriptor it was made from, `LOW` and `HIGH`. */
  readonly words: Int32Array;
}

const STRIDE = 4;
const TAG = 0;
const PA = 1;
const LEAF_PA = 2;
const FILLED_STEP = 3;
const ASID = 0;
const KIND = 1;
const LOW = 2;
const HIGH = 3;
const ENTRY_BYTES = STRIDE * (8 + 4);
const HIGH_DBM = halfMask(LEAF.DBM);

/** `KIND`: log2 of the bytes in bits 5:0, the rights byte in 15:8, then AttrIndx, SH, the level, and the flags. */
const SHIFT_MASK = 63;
const RIGHTS_SHIFT = 8;
const ATTRINDX_SHIFT = 16;
const SH_SHIFT = 19;
const LEVEL_SHIFT = 21;
const FLAGS_SHIFT = 24;

/** The ASID of a global entry. */
export const GLOBAL = -1;

export const FLAG_CONTIGUOUS = 1;
export const FLAG_SPECULATIVE = 2;
/** The kernel announced that nobody uses this translation any more (set by an audit, see check/invalidation/stale.ts). */
export const FLAG_WITHDRAWN = 4;
/** The last-level walk that filled the entry read a table that was no longer allocated. */
export const FLAG_FREED_TABLE = 8;

/** What a walk found, as far as an entry remembers it; for the fields see walker.ts. */
export interface Found {
  readonly pa: number;
  readonly rights: number;
  readonly attrIndx: number;
  readonly sh: number;
  readonly level: number;
  readonly descriptorPa: number;
  readonly low: number;
  readonly high: number;
}

export function attachEntries(buffer: SharedArrayBuffer, offset: number, entries: number): TlbEntries {
  if (TLB_ENTRY_BYTES < ENTRY_BYTES) throw new Error('TLB entries do not fit their region');
  return {
    doubles: new Float64Array(buffer, offset, entries * STRIDE),
    words: new Int32Array(buffer, offset + entries * STRIDE * 8, entries * STRIDE),
  };
}

/** Writes entry `way`. `tag`, `pa`: of its first byte; `shift`: log2 of its bytes; `asid`: or `GLOBAL`. */
export function writeEntry(
  { doubles, words }: TlbEntries,
  way: number,
  tag: number,
  pa: number,
  shift: number,
  asid: number,
  found: Found,
  flags: number,
  step: number,
): void {
  const at = way * STRIDE;
  doubles[at + TAG] = tag;
  doubles[at + PA] = pa;
  doubles[at + LEAF_PA] = found.descriptorPa;
  doubles[at + FILLED_STEP] = step;
  words[at + ASID] = asid;
  words[at + KIND] =
    shift |
    (found.rights << RIGHTS_SHIFT) |
    (found.attrIndx << ATTRINDX_SHIFT) |
    (found.sh << SH_SHIFT) |
    (found.level << LEVEL_SHIFT) |
    (flags << FLAGS_SHIFT);
  words[at + LOW] = found.low;
  words[at + HIGH] = found.high;
}

export function clearEntry(tlb: TlbEntries, way: number): void {
  tlb.doubles[way * STRIDE + TAG] = Number.NaN;
}

export function clearEntries(tlb: TlbEntries): void {
  tlb.doubles.fill(Number.NaN);
}

/** Entry `way` translates `va` to this physical address. */
export function translateBy({ doubles }: TlbEntries, way: number, va: number): number {
  return doubles[way * STRIDE + PA]! + (va - doubles[way * STRIDE + TAG]!);
}

/** First virtual address of the entry; NaN for a free way. */
export function tagOf(tlb: TlbEntries, way: number): number {
  return tlb.doubles[way * STRIDE + TAG]!;
}

/** Physical address of the entry's first byte. */
export function paOf(tlb: TlbEntries, way: number): number {
  return tlb.doubles[way * STRIDE + PA]!;
}

/** Physical address of the descriptor the entry was made from. */
export function leafPaOf(tlb: TlbEntries, way: number): number {
  return tlb.doubles[way * STRIDE + LEAF_PA]!;
}

/** The last step of the owner's trace before the walk that filled the entry. */
export function filledStepOf(tlb: TlbEntries, way: number): number {
  return tlb.doubles[way * STRIDE + FILLED_STEP]!;
}

/** The descriptor the entry was made from. */
export function descriptorOf({ words }: TlbEntries, way: number): bigint {
  return (BigInt(words[way * STRIDE + HIGH]! >>> 0) << 32n) | BigInt(words[way * STRIDE + LOW]! >>> 0);
}

/** The descriptor has DBM: what is read-only in it is clean, where hardware manages the dirty state. */
export function mayBecomeDirty({ words }: TlbEntries, way: number): boolean {
  return (words[way * STRIDE + HIGH]! & HIGH_DBM) !== 0;
}

/** `GLOBAL`, or the ASID the entry is for. */
export function asidOf(tlb: TlbEntries, way: number): number {
  return tlb.words[way * STRIDE + ASID]!;
}

/** log2 of the bytes the entry translates. */
export function shiftOf(tlb: TlbEntries, way: number): number {
  return tlb.words[way * STRIDE + KIND]! & SHIFT_MASK;
}

export function sizeOf(tlb: TlbEntries, way: number): number {
  return POWER[shiftOf(tlb, way)]!;
}

/** The rights byte of arch/permission.ts. */
export function rightsAt(tlb: TlbEntries, way: number): number {
  return (tlb.words[way * STRIDE + KIND]! >> RIGHTS_SHIFT) & 0xff;
}

export function levelOf(tlb: TlbEntries, way: number): number {
  return (tlb.words[way * STRIDE + KIND]! >> LEVEL_SHIFT) & 3;
}

/** Memory attributes without the level: AttrIndx in bits 2:0, SH in bits 4:3. */
export function memoryTypeOf(tlb: TlbEntries, way: number): number {
  return (tlb.words[way * STRIDE + KIND]! >> ATTRINDX_SHIFT) & 31;
}

/** The `FLAG_` bits. */
export function flagsOf(tlb: TlbEntries, way: number): number {
  return tlb.words[way * STRIDE + KIND]! >>> FLAGS_SHIFT;
}

export function addFlag(tlb: TlbEntries, way: number, flag: number): void {
  tlb.words[way * STRIDE + KIND]! |= flag << FLAGS_SHIFT;
}

export function occupied(tlb: TlbEntries, way: number): boolean {
  return !Number.isNaN(tlb.doubles[way * STRIDE + TAG]!);
}
