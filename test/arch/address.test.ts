import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  alignDown,
  alignUp,
  formatPa,
  formatSize,
  formatVa,
  isAligned,
  parseSize,
  sideOf,
  vaFromBits,
  vaToBits,
} from '../../src/arch/address.ts';

const anyVa = fc.integer({ min: -(2 ** 48), max: 2 ** 48 - 1 });
const anySize = fc.integer({ min: 0, max: 42 }).map((shift) => 2 ** shift);

describe('a virtual address', () => {
  it('is its 64-bit pattern, sign-extended', () => {
    expect(vaFromBits(0xffff_0000_0000_0000n)).toBe(-(2 ** 48));
    expect(vaToBits(-1)).toBe(0xffff_ffff_ffff_ffffn);
    fc.assert(fc.property(anyVa, (va) => vaFromBits(vaToBits(va)) === va));
  });

  it('lies in the half its sign says', () => {
    expect([sideOf(0), sideOf(2 ** 47), sideOf(-(2 ** 48)), sideOf(-1)]).toEqual([0, 0, 1, 1]);
  });

  it('prints as 16 digits, a physical one as 12 or more', () => {
    expect(formatVa(-(2 ** 48) + 0x1000)).toBe('0xffff000000001000');
    expect(formatVa(0x1000)).toBe('0x0000000000001000');
    expect(formatPa(0x4000_0000)).toBe('0x000040000000');
    expect(formatPa(2 ** 51)).toBe('0x8000000000000');
  });
});

describe('alignment', () => {
  it('holds for every address and power of two, below zero and above 2^32', () => {
    fc.assert(
      fc.property(anyVa, anySize, (va, size) => {
        const down = alignDown(va, size);
        const up = alignUp(va, size);
        expect(isAligned(down, size) && isAligned(up, size)).toBe(true);
        expect(down <= va && va <= up && up - down === (down === va ? 0 : size)).toBe(true);
      }),
    );
  });

  it('never gives a negative zero', () => {
    expect(alignUp(-5, 8)).toBe(0);
    expect(alignDown(5, 8)).toBe(0);
  });
});

describe('a size', () => {
  it('prints in the largest unit that divides it', () => {
    const sizes = [0, 1, 1000, 4096, 65536, 1536 * 1024, 2 ** 21, 2 ** 25, 2 ** 30, 256 * 2 ** 30, 2 ** 42];
    expect(sizes.map(formatSize)).toEqual(['0', '1', '1000', '4K', '64K', '1536K', '2M', '32M', '1G', '256G', '4T']);
  });

  it('reads back what it printed, and the spellings people use', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (size) => parseSize(formatSize(size)) === size));
    for (const spelling of ['4096', '0x1000', '4K', '4k', '4KB', '4KiB', '4 KiB', '4 kb', '4096B']) {
      expect(parseSize(spelling)).toBe(4096);
    }
    expect(parseSize('256GiB')).toBe(256 * 2 ** 30);
    expect(parseSize('1T')).toBe(2 ** 40);
    expect(parseSize('1.5GiB')).toBe(1536 * 2 ** 20);
    expect(parseSize('0x10M')).toBe(2 ** 24);
  });

  it('is undefined for anything else', () => {
    for (const text of ['', 'K', '4Q', '-4K', '4iB', '9999999P', '4 gigs', '1.3', '4GiBs', '0xg', '1e3', '.5G'])
      expect(parseSize(text)).toBeUndefined();
  });
});
