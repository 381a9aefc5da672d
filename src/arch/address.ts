/**
 * A virtual or physical address in bytes, or an offset. Exact: every address here is below 2^53 in magnitude.
 * A virtual address is sign-extended: 0xffff_0000_0000_0000, the lowest of a 48-bit TTBR1 half, is -(2 ** 48).
 */
export type Address = number;

/** 0: the half TTBR0_EL1 maps; 1: the half TTBR1_EL1 maps. */
export type Side = 0 | 1;

/** The half a sign-extended address lies in. */
export function sideOf(va: Address): Side {
  return va < 0 ? 1 : 0;
}

/** A 64-bit pattern as a sign-extended address; rounds patterns that no table can map (2^53 and beyond). */
export function vaFromBits(pattern: bigint): Address {
  return Number(BigInt.asIntN(64, pattern));
}

export function vaToBits(va: Address): bigint {
  return BigInt.asUintN(64, BigInt(va));
}

/** 16 hexadecimal digits. */
export function formatVa(va: Address): string {
  return `0x${vaToBits(va).toString(16).padStart(16, '0')}`;
}

/** At least 12 hexadecimal digits. */
export function formatPa(pa: Address): string {
  return `0x${pa.toString(16).padStart(12, '0')}`;
}

/** `size` in bytes, a power of two; so in `alignUp` and `isAligned`. */
export function alignDown(address: Address, size: number): Address {
  return Math.floor(address / size) * size;
}

export function alignUp(address: Address, size: number): Address {
  return Math.ceil(address / size) * size + 0; // the sum turns -0 into 0
}

export function isAligned(address: Address, size: number): boolean {
  return address % size === 0;
}

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

/** In the largest binary unit that divides it: 4K, 2M, 1G, 1536K; bytes that no unit divides as they are. */
export function formatSize(sizeBytes: number): string {
  let size = sizeBytes;
  let unit = 0;
  while (size !== 0 && size % 1024 === 0 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size}${UNITS[unit]}`;
}

/** Bytes of `4096`, `0x1000`, `4K`, `4KB`, `4KiB`, `1.5GiB` (all powers of 1024); undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:i?B)?|B)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const sizeBytes = Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? '').toUpperCase());
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}
