import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize } from '../../src/arch/address.ts';
import {
  blockAllowed,
  contiguousRun,
  entryIndex,
  GRANULES,
  type Level,
  levelBytes,
  startEntries,
  startLevel,
} from '../../src/arch/granule.ts';

const granules = Object.values(GRANULES);
const levels = [0, 1, 2, 3] as const;

describe('a granule', () => {
  it('has the leaf sizes of the architecture', () => {
    const sizes = granules.map((granule) =>
      levels
        .filter((level) => level === 3 || blockAllowed(granule, level))
        .map((level) => formatSize(levelBytes(granule, level))),
    );
    expect(sizes).toEqual([
      ['1G', '2M', '4K'],
      ['32M', '16K'],
      ['512M', '64K'],
    ]);
    expect(blockAllowed(GRANULES['64K'], 1, true)).toBe(true);
    expect(blockAllowed(GRANULES['16K'], 1, true)).toBe(false);
  });

  it('has the contiguous sizes of the architecture', () => {
    const sizes = granules.map((granule) =>
      levels
        .filter((level) => contiguousRun(granule, level) > 1)
        .map((level) => formatSize(contiguousRun(granule, level) * levelBytes(granule, level))),
    );
    expect(sizes).toEqual([
      ['16G', '32M', '64K'],
      ['1G', '2M'],
      ['16G', '2M'],
    ]);
  });

  it('starts a walk where the address bits run out', () => {
    const starts = granules.map((granule) => [25, 36, 39, 42, 47, 48].map((vaBits) => startLevel(granule, vaBits)));
    expect(starts).toEqual([
      [2, 1, 1, 0, 0, 0],
      [3, 2, 1, 1, 1, 0],
      [3, 2, 2, 2, 1, 1],
    ]);
  });

  it('uses every entry of the first table once', () => {
    for (const granule of granules) {
      for (let vaBits = 25; vaBits <= 48; vaBits++) {
        const first = startLevel(granule, vaBits);
        expect(startEntries(granule, vaBits) * levelBytes(granule, first)).toBe(2 ** vaBits);
        expect(startEntries(granule, vaBits)).toBeGreaterThan(1);
        expect(startEntries(granule, vaBits)).toBeLessThanOrEqual(granule.entriesPerTable);
      }
    }
  });

  it('finds an address again by its indexes, in either half', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...granules),
        fc.integer({ min: 25, max: 48 }),
        fc.boolean(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (granule, vaBits, upper, part) => {
          const base = upper ? -(2 ** vaBits) : 0;
          const va = base + Math.floor(part * 2 ** vaBits);
          let rebuilt = base + ((va - base) % granule.pageBytes);
          for (let level = startLevel(granule, vaBits); level <= 3; level = (level + 1) as Level) {
            rebuilt += entryIndex(granule, level, va, vaBits) * levelBytes(granule, level);
          }
          expect(rebuilt).toBe(va);
        },
      ),
    );
  });
});
