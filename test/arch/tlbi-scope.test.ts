import { describe, expect, it } from 'vitest';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K, type Granule } from '../../src/arch/granule.ts';
import { TLBI, type TlbiName } from '../../src/arch/tlbi.ts';
import {
  decodeRangeOperand,
  decodeVaOperand,
  encodeRangeOperand,
  encodeVaOperand,
} from '../../src/arch/tlbi-operand.ts';
import { coversEntry, fitsGranule, type TlbEntryScope, ttlMatches } from '../../src/arch/tlbi-scope.ts';

const BASE = -(2 ** 48);
const page: TlbEntryScope = {
  va: BASE,
  sizeShift: 12,
  level: 3,
  leaf: true,
  granule: GRANULE_4K,
  global: true,
  asid: 1,
};
const block: TlbEntryScope = { ...page, sizeShift: 21, level: 2 };
const run: TlbEntryScope = { ...page, sizeShift: 16 };
const table: TlbEntryScope = { ...page, sizeShift: 21, level: 2, leaf: false, global: false };

const removes = (name: TlbiName, entry: TlbEntryScope, va = BASE, asid = 1, ttl = 0): boolean =>
  coversEntry(TLBI[name], decodeVaOperand(encodeVaOperand(va, asid, ttl, GRANULE_4K)), entry);

describe('the level hint', () => {
  const reached = (ttl: number, lastLevelOnly: boolean): string =>
    [0, 1, 2, 3]
      .map((level) => `${+ttlMatches(ttl, lastLevelOnly, level, false)}${+ttlMatches(ttl, lastLevelOnly, level, true)}`)
      .join(' ');

  it('scopes VAE1 and VALE1 as the architecture tabulates; tables first, leaves second, level by level', () => {
    expect(reached(0, false)).toBe('11 11 11 11');
    expect(reached(2, false)).toBe('10 10 01 00');
    expect(reached(0, true)).toBe('01 01 01 01');
    expect(reached(2, true)).toBe('00 00 01 00');
  });
});

describe('TLBI by VA', () => {
  it('removes every size that covers the address', () => {
    for (const entry of [page, block, run]) expect(removes('vale1is', entry)).toBe(true);
    expect(removes('vale1is', page, BASE + 0x1000)).toBe(false);
    expect(removes('vale1is', run, BASE + 0xf000)).toBe(true);
    expect(removes('vale1is', run, BASE + 0x10000)).toBe(false);
    expect(removes('vale1is', block, BASE + 2 ** 21 - 0x1000)).toBe(true);
  });

  it('reaches the walk cache unless it is for the last level only', () => {
    expect([removes('vae1is', table), removes('vale1is', table)]).toEqual([true, false]);
    expect([removes('vaae1is', table), removes('vaale1is', table)]).toEqual([true, false]);
  });

  it('spares other ASIDs, walk-cache entries of them included, unless it is for all', () => {
    const user = { ...page, global: false, asid: 2 };
    expect([removes('vale1is', user), removes('vaale1is', user), removes('vale1is', page, BASE, 9)]).toEqual([
      false,
      true,
      true,
    ]);
    expect([removes('vae1is', table, BASE, 9), removes('vaae1is', table, BASE, 9)]).toEqual([false, true]);
  });

  it('need not remove what its hint says is not there', () => {
    expect(removes('vale1is', block, BASE, 1, 3)).toBe(false);
    expect(removes('vale1is', { ...page, granule: GRANULE_16K, sizeShift: 14 }, BASE, 1, 3)).toBe(false);
  });
});

describe('an operand', () => {
  const va = (granule: Granule, ttl: number): ReturnType<typeof decodeVaOperand> =>
    decodeVaOperand(encodeVaOperand(BASE, 1, ttl, granule));
  const range = (granule: Granule, ttl: number, start = BASE): ReturnType<typeof decodeVaOperand> =>
    decodeRangeOperand(encodeRangeOperand(start, 0, 0, granule, 1, ttl));
  const granules = [GRANULE_4K, GRANULE_16K, GRANULE_64K];
  const fits = (name: TlbiName, extent: (granule: Granule) => ReturnType<typeof decodeVaOperand>): string =>
    granules
      .map((named) => granules.map(({ pageShift }) => +fitsGranule(TLBI[name], extent(named), pageShift)).join(''))
      .join(' ');

  it('of a range fits the granule that it names; a reserved one fits none', () => {
    expect(fits('rvaale1is', (granule) => range(granule, 0))).toBe('100 010 001');
    expect(granules.map(({ pageShift }) => fitsGranule(TLBI.rvaale1is, decodeRangeOperand(0n), pageShift))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('of an address fits every granule unless it has a hint, which names one', () => {
    expect(fits('vaale1is', (granule) => va(granule, 0))).toBe('111 111 111');
    expect(fits('vaale1is', (granule) => va(granule, 3))).toBe('100 010 001');
    // Level 1 of the 16K granule has no leaves without FEAT_LPA2: that hint is none.
    expect(fits('vaale1is', (granule) => va(granule, 1))).toBe('100 111 001');
  });

  it('of a range with a hint begins where an entry of that level does', () => {
    for (const granule of granules)
      for (const level of [2, 3]) {
        const bytes = level === 3 ? granule.pageBytes : granule.pageBytes * granule.entriesPerTable;
        const at = (offset: number): boolean =>
          fitsGranule(TLBI.rvaale1is, range(granule, level, BASE + offset), granule.pageShift);
        expect([0, bytes, bytes + granule.pageBytes, bytes - granule.pageBytes].map(at)).toEqual(
          level === 3 ? [true, true, true, true] : [true, true, false, false],
        );
      }
    expect(fitsGranule(TLBI.rvaale1is, range(GRANULE_4K, 1, BASE + 2 ** 21), 12)).toBe(false);
    // In one operation on an address the hint is of the entry that holds it, wherever in the entry that is.
    expect(fitsGranule(TLBI.vaale1is, decodeVaOperand(encodeVaOperand(BASE + 4096, 1, 2, GRANULE_4K)), 12)).toBe(true);
  });
});

describe('the other TLBIs', () => {
  it('by ASID leave global leaves alone', () => {
    const user = { ...page, global: false };
    expect([removes('aside1is', page), removes('aside1is', user), removes('aside1is', table)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(removes('aside1is', user, BASE, 2)).toBe(false);
  });

  it('for everything spare nothing', () => {
    for (const entry of [page, block, run, table]) expect(removes('vmalle1is', entry, 0, 7)).toBe(true);
  });

  it('by range remove what overlaps the range and no more', () => {
    const extent = decodeRangeOperand(encodeRangeOperand(BASE + 0x2000, 0, 0, GRANULE_4K));
    const hit = [0, 0x1000, 0x2000, 0x3000, 0x4000].map((offset) =>
      coversEntry(TLBI.rvaale1is, extent, { ...page, va: BASE + offset }),
    );
    expect(hit).toEqual([false, false, true, true, false]);
    expect(coversEntry(TLBI.rvaale1is, extent, block)).toBe(true);
    expect(coversEntry(TLBI.rvaale1is, extent, table)).toBe(false);
  });
});
