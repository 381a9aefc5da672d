import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLOCK,
  blockDescriptor,
  decode,
  descriptorOf,
  INVALID,
  isContiguous,
  isLeaf,
  isTable,
  isValid,
  LEAF,
  outputAddress,
  pageDescriptor,
  tableAddress,
  tableDescriptor,
  withAttributes,
} from '../../src/arch/descriptor.ts';
import { unpack } from '../../src/arch/field.ts';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K, GRANULES, levelBytes } from '../../src/arch/granule.ts';

const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyGranule = fc.constantFrom(...Object.values(GRANULES));
const anyAttributes = anyWord.map((word) => unpack(LEAF, word));
const anyPage = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((page) => page * 65536);

describe('a leaf descriptor', () => {
  it('decodes to what it was made of', () => {
    fc.assert(
      fc.property(anyPage, anyAttributes, anyGranule, (pa, attributes, granule) => {
        expect(decode(pageDescriptor(pa, attributes), 3, granule)).toEqual({ kind: 'page', pa, attributes });
        const base = pa - (pa % levelBytes(granule, 2));
        const block = { ...attributes, nT: 1 };
        expect(decode(blockDescriptor(base, block), 2, granule)).toEqual({
          kind: 'block',
          pa: base,
          attributes: block,
        });
      }),
    );
  });

  it('keeps its address when its attributes change', () => {
    fc.assert(
      fc.property(anyPage, anyAttributes, anyAttributes, (pa, before, after) => {
        expect(withAttributes(pageDescriptor(pa, before), after)).toBe(pageDescriptor(pa, after));
      }),
    );
  });

  it('has the bits the manual says', () => {
    expect(pageDescriptor(0x4000_0000, { AttrIndx: 1, AP: 2, SH: 3, AF: 1, nG: 1 })).toBe(0x4000_0f87n);
    expect(blockDescriptor(0, { nT: 1, DBM: 1, Contiguous: 1, PXN: 1, UXN: 1 })).toBe(0x0078_0000_0001_0001n);
    expect(Object.keys(BLOCK)).toContain('nT');
    expect(Object.keys(LEAF)).not.toContain('nT');
  });

  it('has no address bits below its own size', () => {
    expect(outputAddress(pageDescriptor(0x1234_5000), 2, GRANULE_4K)).toBe(0x1220_0000);
    expect(outputAddress(pageDescriptor(0x1234_5000), 3, GRANULE_64K)).toBe(0x1234_0000);
  });

  it('refuses an address that no descriptor can hold', () => {
    expect(() => pageDescriptor(0x800)).toThrow(RangeError);
    expect(() => pageDescriptor(2 ** 48)).toThrow(RangeError);
    expect(() => tableDescriptor(-4096)).toThrow(RangeError);
  });
});

describe('a table descriptor', () => {
  it('decodes to what it was made of, above level 3', () => {
    const attributes = { PXNTable: 1, UXNTable: 0, APTable: 2, NSTable: 0 };
    const table = tableDescriptor(0x7_4000_0000, attributes);
    for (const level of [0, 1, 2] as const) {
      expect(decode(table, level, GRANULE_4K)).toEqual({ kind: 'table', pa: 0x7_4000_0000, attributes });
    }
    expect(isTable(table, 3)).toBe(false);
  });

  it('holds bits 51:48 of its address in bits 15:12 with the 64K granule and FEAT_LPA', () => {
    const table = descriptorOf(0x4000_5003n);
    expect(tableAddress(table, GRANULE_64K)).toBe(0x4000_0000);
    expect(tableAddress(table, GRANULE_64K, true)).toBe(5 * 2 ** 48 + 0x4000_0000);
    expect(tableAddress(table, GRANULE_4K, true)).toBe(0x4000_5000);
  });
});

describe('decoding', () => {
  it('calls reserved what is valid and has no meaning at its level', () => {
    const block = blockDescriptor(0);
    const reserved = (level: 0 | 1 | 2 | 3, granule = GRANULE_4K, lpa = false): boolean =>
      decode(block, level, granule, lpa).kind === 'reserved';
    expect([reserved(0), reserved(1), reserved(2), reserved(3)]).toEqual([true, false, false, true]);
    expect([reserved(1, GRANULE_16K), reserved(1, GRANULE_64K), reserved(1, GRANULE_64K, true)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('agrees with the predicates on every pattern', () => {
    fc.assert(
      fc.property(anyWord, fc.constantFrom(0, 1, 2, 3), anyGranule, fc.boolean(), (word, level, granule, lpa) => {
        const descriptor = descriptorOf(word);
        const { kind } = decode(descriptor, level, granule, lpa);
        expect(isValid(descriptor)).toBe(kind !== 'invalid');
        expect(isTable(descriptor, level)).toBe(kind === 'table');
        expect(isLeaf(descriptor, level, granule, lpa)).toBe(kind === 'block' || kind === 'page');
        expect(isContiguous(descriptor)).toBe(((word >> 52n) & 1n) === 1n);
      }),
    );
    expect(decode(INVALID, 0, GRANULE_4K)).toEqual({ kind: 'invalid' });
  });
});
