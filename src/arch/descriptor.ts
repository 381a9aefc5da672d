import { bit, bits, extract, type FieldValues, pack, unpack } from './field.ts';
import { blockAllowed, type Granule, type Level, levelBytes } from './granule.ts';

/** A 64-bit VMSAv8-64 stage 1 descriptor. DDI 0487, D8.3 "Translation table descriptor formats". */
export type Descriptor = bigint & { readonly __descriptor: unique symbol };

/** Bits 1:0 of every descriptor. */
export const ENTRY = {
  VALID: bit(0),
  TYPE: bit(1),
} as const;

/** Attributes of blocks and pages. */
export const LEAF = {
  AttrIndx: bits(4, 2),
  NS: bit(5),
  AP: bits(7, 6),
  SH: bits(9, 8),
  AF: bit(10),
  nG: bit(11),
  GP: bit(50),
  DBM: bit(51),
  Contiguous: bit(52),
  PXN: bit(53),
  UXN: bit(54),
  SW: bits(58, 55),
} as const;

/** Blocks have nT besides, where a page has a bit of its address. */
export const BLOCK = {
  ...LEAF,
  nT: bit(16),
} as const;

/** Attributes of table descriptors; they bound everything below the table. */
export const TABLE = {
  PXNTable: bit(59),
  UXNTable: bit(60),
  APTable: bits(62, 61),
  NSTable: bit(63),
} as const;

/** The halves of the output address. With FEAT_LPA and the 64K granule, bits 15:12 are its bits 51:48. */
export const OUTPUT = {
  low: bits(31, 12),
  high: bits(47, 32),
  LPA: bits(15, 12),
} as const;

/** The two bits of AP, which the manual writes AP[1] and AP[2]. */
export const AP_EL0 = 0b01;
export const AP_READ_ONLY = 0b10;

export type LeafAttributes = FieldValues<typeof LEAF>;
export type BlockAttributes = FieldValues<typeof BLOCK>;
export type TableAttributes = FieldValues<typeof TABLE>;

export type Decoded =
  | { readonly kind: 'invalid' }
  /** Valid, of a type that has no meaning at its level: walks as invalid. */
  | { readonly kind: 'reserved' }
  | { readonly kind: 'table'; readonly pa: number; readonly attributes: TableAttributes }
  | { readonly kind: 'block'; readonly pa: number; readonly attributes: BlockAttributes }
  | { readonly kind: 'page'; readonly pa: number; readonly attributes: LeafAttributes };

export const INVALID = 0n as Descriptor;

/** Any 64 bits as a descriptor. */
export function descriptorOf(value: bigint): Descriptor {
  return BigInt.asUintN(64, value) as Descriptor;
}

function outputBits(pa: number): bigint {
  if (!Number.isInteger(pa) || pa < 0 || pa >= 2 ** 48 || pa % 4096 !== 0) {
    throw new RangeError(`not the address of a page or table below 2^48: ${pa}`);
  }
  return BigInt(pa);
}

/** @throws RangeError unless `pa` is a multiple of 4096 below 2^48; so do the other two constructors. */
export function tableDescriptor(pa: number, attributes: Partial<TableAttributes> = {}): Descriptor {
  return pack(TABLE, attributes, pack(ENTRY, { VALID: 1, TYPE: 1 }, outputBits(pa))) as Descriptor;
}

export function blockDescriptor(pa: number, attributes: Partial<BlockAttributes> = {}): Descriptor {
  return pack(BLOCK, attributes, pack(ENTRY, { VALID: 1 }, outputBits(pa))) as Descriptor;
}

export function pageDescriptor(pa: number, attributes: Partial<LeafAttributes> = {}): Descriptor {
  return pack(LEAF, attributes, pack(ENTRY, { VALID: 1, TYPE: 1 }, outputBits(pa))) as Descriptor;
}

/** The descriptor with some attributes replaced; the rest, address included, stays. */
export function withAttributes(descriptor: Descriptor, attributes: Partial<LeafAttributes>): Descriptor {
  return pack(LEAF, attributes, descriptor) as Descriptor;
}

export function isValid(descriptor: Descriptor): boolean {
  return extract(descriptor, ENTRY.VALID) === 1;
}

export function isTable(descriptor: Descriptor, level: Level): boolean {
  return level < 3 && isValid(descriptor) && extract(descriptor, ENTRY.TYPE) === 1;
}

/** Whether a walk ends here with a translation. */
export function isLeaf(descriptor: Descriptor, level: Level, granule: Granule, lpa = false): boolean {
  if (!isValid(descriptor)) return false;
  return extract(descriptor, ENTRY.TYPE) === 1 ? level === 3 : blockAllowed(granule, level, lpa);
}

/** Whether the Contiguous bit is set, whatever it means at the entry's level. */
export function isContiguous(descriptor: Descriptor): boolean {
  return extract(descriptor, LEAF.Contiguous) === 1;
}

function addressField(descriptor: Descriptor, granule: Granule, lpa: boolean): number {
  const low = extract(descriptor, OUTPUT.low) * 4096 + extract(descriptor, OUTPUT.high) * 2 ** 32;
  const extension = lpa && granule.name === '64K' ? extract(descriptor, OUTPUT.LPA) * 2 ** 48 : 0;
  return low - (low % granule.pageBytes) + extension;
}

/** Of a table descriptor: where the next table lies. */
export function tableAddress(descriptor: Descriptor, granule: Granule, lpa = false): number {
  return addressField(descriptor, granule, lpa);
}

/** Of a block or page: the first byte it maps, bits below the size of the leaf cleared. */
export function outputAddress(descriptor: Descriptor, level: Level, granule: Granule, lpa = false): number {
  const address = addressField(descriptor, granule, lpa);
  return address - (address % levelBytes(granule, level));
}

/** What a walk sees at that level. `lpa`: FEAT_LPA, for the 64K granule. */
export function decode(descriptor: Descriptor, level: Level, granule: Granule, lpa = false): Decoded {
  if (!isValid(descriptor)) return { kind: 'invalid' };
  if (isTable(descriptor, level)) {
    return { kind: 'table', pa: tableAddress(descriptor, granule, lpa), attributes: unpack(TABLE, descriptor) };
  }
  if (!isLeaf(descriptor, level, granule, lpa)) return { kind: 'reserved' };
  const pa = outputAddress(descriptor, level, granule, lpa);
  if (level === 3) return { kind: 'page', pa, attributes: unpack(LEAF, descriptor) };
  return { kind: 'block', pa, attributes: unpack(BLOCK, descriptor) };
}
