import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRights,
  LIMIT_EL0,
  LIMIT_PXN,
  LIMIT_UXN,
  LIMIT_WRITE,
  RIGHT_EL0_EXECUTE,
  RIGHT_EL0_WRITE,
  RIGHT_EL1_EXECUTE,
  RIGHT_EL1_WRITE,
  rightsOf,
} from '../../src/arch/permission.ts';

const KERNEL_DATA = 0b00;
const USER_DATA = 0b01;
const KERNEL_READ_ONLY = 0b10;
const USER_READ_ONLY = 0b11;

const oneBit = fc.integer({ min: 0, max: 1 });
const anyLeaf = fc.tuple(fc.integer({ min: 0, max: 3 }), oneBit, oneBit);
const anyLimits = fc.integer({ min: 0, max: 15 });

describe('rights', () => {
  it('follow AP, UXN and PXN', () => {
    expect(formatRights(rightsOf(KERNEL_DATA, 1, 1, 0, 0, 0))).toBe('s1e1r s1e1w s1e1rp s1e1wp');
    expect(formatRights(rightsOf(KERNEL_READ_ONLY, 1, 0, 0, 0, 0))).toBe('s1e1r s1e1rp xel1');
    expect(formatRights(rightsOf(USER_DATA, 1, 1, 0, 0, 0))).toBe('s1e1r s1e1w s1e0r s1e0w');
    expect(formatRights(rightsOf(USER_READ_ONLY, 0, 1, 0, 0, 0))).toBe('s1e1r s1e0r xel0');
  });

  it('never let EL1 execute what EL0 may write', () => {
    expect(rightsOf(USER_DATA, 0, 0, 0, 0, 0) & RIGHT_EL1_EXECUTE).toBe(0);
    expect(rightsOf(USER_DATA, 0, 0, LIMIT_WRITE, 0, 0) & RIGHT_EL1_EXECUTE).not.toBe(0);
  });

  it('are withheld by the tables above', () => {
    expect(rightsOf(USER_DATA, 1, 1, LIMIT_EL0 | LIMIT_WRITE, 0, 0)).toBe(rightsOf(KERNEL_READ_ONLY, 1, 1, 0, 0, 0));
    expect(rightsOf(USER_READ_ONLY, 0, 0, LIMIT_PXN | LIMIT_UXN, 0, 0)).toBe(rightsOf(USER_READ_ONLY, 1, 1, 0, 0, 0));
  });

  it('keep EL1 under PAN away from what only EL0 may execute, with EPAN', () => {
    expect(formatRights(rightsOf(KERNEL_READ_ONLY, 0, 1, 0, 0, 0))).toBe('s1e1r s1e1rp xel0');
    expect(formatRights(rightsOf(KERNEL_READ_ONLY, 0, 1, 0, 0, 1))).toBe('s1e1r xel0');
  });

  it('never execute what they may write, with WXN', () => {
    fc.assert(
      fc.property(anyLeaf, anyLimits, (leaf, limits) => {
        const rights = rightsOf(...leaf, limits, 1, 0);
        if (rights & RIGHT_EL1_WRITE) expect(rights & RIGHT_EL1_EXECUTE).toBe(0);
        if (rights & RIGHT_EL0_WRITE) expect(rights & RIGHT_EL0_EXECUTE).toBe(0);
      }),
    );
  });

  it('only shrink when the tables above withhold execution', () => {
    fc.assert(
      fc.property(anyLeaf, anyLimits, (leaf, limits) => {
        const withheld = rightsOf(...leaf, limits | LIMIT_PXN | LIMIT_UXN, 0, 0);
        expect(withheld & ~rightsOf(...leaf, limits, 0, 0)).toBe(0);
        expect(withheld & (RIGHT_EL0_EXECUTE | RIGHT_EL1_EXECUTE)).toBe(0);
      }),
    );
  });
});
