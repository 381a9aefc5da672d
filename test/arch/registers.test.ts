import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Layout, maskOf, pack, unpack } from '../../src/arch/field.ts';
import * as registers from '../../src/arch/registers.ts';

const { PHYSICAL_ADDRESS_BITS, ...layouts } = registers;
const named: readonly (readonly [string, Layout])[] = Object.entries(layouts);

describe('registers', () => {
  it.each(named)('%s has no two fields on one bit, and lists them in bit order', (_, layout) => {
    let taken = 0n;
    for (const field of Object.values(layout)) {
      expect(taken & maskOf(field)).toBe(0n);
      expect(maskOf(field)).toBeGreaterThan(taken);
      taken |= maskOf(field);
    }
  });

  it.each(named)('%s decodes to what was encoded', (_, layout) => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (word) => {
        expect(pack(layout, unpack(layout, word), word)).toBe(word);
      }),
    );
  });

  it('reads a TCR_EL1 as Linux sets it for 48 bits and 4K', () => {
    expect(unpack(registers.TCR_EL1, 0x5_b510_3510n)).toMatchObject({
      T0SZ: 16,
      T1SZ: 16,
      TG0: 0b00,
      TG1: 0b10,
      IRGN1: 1,
      ORGN1: 1,
      SH1: 3,
      IPS: 5,
      A1: 0,
    });
    expect(PHYSICAL_ADDRESS_BITS[5]).toBe(48);
  });

  it('has BBM, TTL and TLB where their users look', () => {
    expect(pack(registers.ID_AA64MMFR2_EL1, { BBM: 2, TTL: 1 })).toBe(0x0021_0000_0000_0000n);
    expect(pack(registers.ID_AA64ISAR0_EL1, { TLB: 2 })).toBe(0x0200_0000_0000_0000n);
  });
});
