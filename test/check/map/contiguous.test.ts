import { describe, expect, test } from 'vitest';
import { contiguousRun } from '../../../src/arch/granule.ts';
import { contiguous } from '../../../src/check/map/contiguous.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { entryAt, page, put, type Rig, rigOf, said } from '../rig.ts';

const GiB = 2 ** 30;

/** Two contiguous groups of pages, and pages behind them. */
function rigWithGroups(granule: (typeof granules)[number]): Rig & { va: number; bytes: number; run: number } {
  const rig = rigOf({ classes: ['level2-noabort'], granule, properties: [contiguous] });
  const va = rig.k.space.pageOffset + 16 * GiB;
  const bytes = rig.k.space.granule.pageBytes;
  const run = contiguousRun(rig.k.space.granule, 3);
  for (let i = 0; i < 3 * run; i++)
    put(rig, entryAt(rig, va + i * bytes, 3), page(16 * GiB + i * bytes, { Contiguous: i < 2 * run ? 1 : 0 }));
  return { ...rig, va, bytes, run };
}

const RO = { AP: 2, DBM: 0 };

describe.each(granules)('a change that is said to be in force, %s granule', (granule) => {
  test('of whole groups, or of pages beside them, is nothing to speak of', () => {
    const rig = rigWithGroups(granule);
    const { va, bytes, run } = rig;
    for (let i = 0; i < run; i++)
      put(rig, entryAt(rig, va + i * bytes, 3), page(16 * GiB + i * bytes, { ...RO, Contiguous: 1 }));
    announce(rig.cpus[0]!, 'set_memory', va, va + run * bytes);
    put(rig, entryAt(rig, va + 2 * run * bytes, 3), page(16 * GiB + 2 * run * bytes, RO));
    announce(rig.cpus[0]!, 'set_memory', va + 2 * run * bytes, va + (2 * run + 1) * bytes);
    announce(rig.cpus[0]!, 'vunmap', va + GiB, va + GiB + bytes); // nothing there
    expect(said(rig)).toEqual([]);
  });

  test('of a group that was taken apart first, neither', () => {
    const rig = rigWithGroups(granule);
    const { va, bytes, run } = rig;
    for (let i = 0; i < run; i++)
      put(rig, entryAt(rig, va + i * bytes, 3), page(16 * GiB + i * bytes, i === 3 ? RO : {}));
    announce(rig.cpus[0]!, 'set_memory', va + 3 * bytes, va + 4 * bytes);
    expect(said(rig)).toEqual([]);
  });

  test.each([
    ['read-only', (pa: number) => page(pa, { ...RO, Contiguous: 1 })],
    ['away', () => 0n],
    ['without the bit', (pa: number) => page(pa)],
  ])('of one member, now %s, is found, at either end of the range', (_, edited) => {
    for (const at of [3, -4]) {
      const rig = rigWithGroups(granule);
      const { va, bytes, run } = rig;
      const odd = (at + 2 * run) % (2 * run);
      put(rig, entryAt(rig, va + odd * bytes, 3), edited(16 * GiB + odd * bytes));
      const [start, end] = at > 0 ? [odd, 3 * run] : [0, odd + 1];
      announce(rig.cpus[0]!, 'set_memory', va + start * bytes, va + end * bytes);
      expect(said(rig)).toEqual(['contiguous']);
      expect(rig.reports[0]!.evidence).toHaveLength(2);
      expect(rig.reports[0]!.remedy).toMatch(/^split_contpte\(\) first/);
    }
  });
});
