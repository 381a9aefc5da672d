import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K, GRANULES } from '../../src/arch/granule.ts';
import {
  decodeRangeOperand,
  decodeVaOperand,
  encodeRangeOperand,
  encodeVaOperand,
  MAX_RANGE_PAGES,
  rangePages,
} from '../../src/arch/tlbi-operand.ts';

const anyGranule = fc.constantFrom(...Object.values(GRANULES));
const anyAsid = fc.integer({ min: 0, max: 0xffff });

describe('the operand of TLBI by VA', () => {
  it('names the page it was made for, in either half', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 36), max: 2 ** 36 - 1 }), anyAsid, (page, asid) => {
        expect(decodeVaOperand(encodeVaOperand(page * 4096, asid))).toEqual({
          start: page * 4096,
          end: (page + 1) * 4096,
          ttl: 0,
          granule: undefined,
          asid,
        });
      }),
    );
  });

  it('puts VA[55:12], TTL and ASID where the manual says', () => {
    expect(encodeVaOperand(-(2 ** 48), 0x1234, 3, GRANULE_4K)).toBe(0x1234_7ff0_0000_0000n);
    expect(encodeVaOperand(0x5000, 0, 2, GRANULE_64K)).toBe(0x0000_e000_0000_0005n);
  });

  it('promises a level only where the granule has leaves there', () => {
    expect(decodeVaOperand(encodeVaOperand(0, 0, 1, GRANULE_4K))).toMatchObject({ ttl: 1, granule: GRANULE_4K });
    expect(decodeVaOperand(encodeVaOperand(0, 0, 1, GRANULE_16K))).toMatchObject({ ttl: 0, granule: undefined });
    expect(decodeVaOperand(0x2n << 44n)).toMatchObject({ ttl: 0, granule: undefined });
  });
});

describe('the operand of TLBI by range', () => {
  it('reads the worked example, 8 GiB from 0x4000_0000, and the wrong encoding of it, a sixteenth', () => {
    expect(encodeRangeOperand(0x4000_0000, 31, 3, GRANULE_4K)).toBe(0x0000_7f80_0004_0000n);
    const right = decodeRangeOperand(0x0000_7f80_0004_0000n);
    expect(right).toMatchObject({ start: 0x4000_0000, end: 0x4000_0000 + 8 * 2 ** 30, ttl: 0, granule: GRANULE_4K });
    const wrong = decodeRangeOperand(0xffff_7080_0004_0000n);
    expect(wrong).toMatchObject({ start: 0x4000_0000, end: 0x4000_0000 + 2 ** 29, asid: 0xffff });
  });

  it('covers (NUM + 1) << (5 * SCALE + 1) pages', () => {
    expect([rangePages(0, 0), rangePages(31, 0), rangePages(0, 1), rangePages(31, 3)]).toEqual([2, 64, 64, 2_097_152]);
    expect(MAX_RANGE_PAGES).toBe(2_097_152);
  });

  it('names the range it was made for, in either half and granule', () => {
    fc.assert(
      fc.property(
        anyGranule,
        fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }),
        fc.integer({ min: 0, max: 31 }),
        fc.integer({ min: 0, max: 3 }),
        anyAsid,
        fc.constantFrom(0, 2, 3),
        (granule, page, NUM, SCALE, asid, ttl) => {
          const start = page * granule.pageBytes;
          const end = start + rangePages(NUM, SCALE) * granule.pageBytes;
          const operand = encodeRangeOperand(start, NUM, SCALE, granule, asid, ttl);
          expect(decodeRangeOperand(operand)).toEqual({ start, end, ttl, granule, asid });
        },
      ),
    );
  });

  it('names nothing with a reserved TG', () => {
    expect(decodeRangeOperand(0x0000_3f80_0004_0000n)).toMatchObject({ start: 0, end: 0 });
  });
});
