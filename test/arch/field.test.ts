import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bit, bits, extract, halfMask, halfShift, insert, maskOf, pack, unpack } from '../../src/arch/field.ts';

const anyField = fc
  .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 52 }))
  .map(([lo, more]) => bits(Math.min(63, lo + more), lo));
const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('a field', () => {
  it('gives back what was put in, and leaves the other bits alone', () => {
    fc.assert(
      fc.property(anyField, anyWord, anyWord, (field, base, noise) => {
        const number = extract(noise, field);
        const changed = insert(base, field, number);
        expect(extract(changed, field)).toBe(number);
        expect(changed & ~maskOf(field)).toBe(base & ~maskOf(field));
      }),
    );
  });

  it('refuses numbers that do not fit, and positions that do not exist', () => {
    expect(() => insert(0n, bits(5, 4), 4)).toThrow(RangeError);
    expect(() => insert(0n, bits(5, 4), -1)).toThrow(RangeError);
    expect(() => bits(3, 4)).toThrow(RangeError);
    expect(() => bits(64, 60)).toThrow(RangeError);
    expect(() => bits(63, 0)).toThrow(RangeError);
  });

  it('has the same place in its half as int32', () => {
    expect([halfShift(bits(7, 6)), halfMask(bits(7, 6))]).toEqual([6, 0xc0]);
    expect([halfShift(bit(63)), halfMask(bit(63))]).toEqual([31, -(2 ** 31)]);
    expect([halfShift(bits(47, 32)), halfMask(bits(47, 32))]).toEqual([0, 0xffff]);
    expect(() => halfMask(bits(32, 31))).toThrow(RangeError);
  });
});

describe('a layout', () => {
  it('packs named fields over a base and unpacks them all', () => {
    const layout = { LOW: bits(3, 0), FLAG: bit(40) } as const;
    expect(pack(layout, { FLAG: 1 }, 0xf5n)).toBe(0x100_0000_00f5n);
    expect(unpack(layout, 0x100_0000_00f5n)).toEqual({ LOW: 5, FLAG: 1 });
  });
});
