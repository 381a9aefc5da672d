import { describe, expect, test } from 'vitest';
import { tableDescriptor } from '../../../src/arch/descriptor.ts';
import { levelBytes } from '../../../src/arch/granule.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { placeTable } from '../../../src/hardware/memory/frame.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { live, liveBlock } from '../live-entry.ts';
import {
  block,
  change,
  entryAt,
  flush,
  leafTable,
  newTable,
  page,
  put,
  type Rig,
  type RigOptions,
  rigOf,
  run,
  said,
} from '../rig.ts';

const GiB = 2 ** 30;

describe('a table is compared with the block that it replaces, leaf by leaf', () => {
  const strong: RigOptions = { classes: ['level2-noabort', 'level3'] };
  const DIFFERENT: readonly [string, bigint][] = [
    ['goes elsewhere', page(20 * GiB)],
    ['is read-only', page(16 * GiB + 7 * 4096, { AP: 2 })],
    ['has another memory type', page(16 * GiB + 7 * 4096, { AttrIndx: 4 })],
    ['is missing', 0n],
  ];
  test.each(DIFFERENT)('one leaf %s: caught on every class', (_, odd) => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa, {}, [7, odd]));
    expect(said(rig)).toEqual(['bbm']);
    expect(rig.reports[0]!.message).toContain('more than its size');
  });

  test('contiguous leaves are the same leaves', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa, { Contiguous: 1 }));
    expect(said(rig)).toEqual([]);
  });

  test('a 1 GiB block may become two levels of tables at once', () => {
    const { rig, entry, pa } = live(strong, 1, (_, base) => block(base));
    const MiB2 = 2 ** 21;
    const blocks = newTable(rig, (i) => (i === 3 ? leafTable(rig, 3, pa + 3 * MiB2) : block(pa + i * MiB2)));
    change(rig.cpus[0]!, entry, tableDescriptor(blocks));
    expect(said(rig)).toEqual([]);
  });

  test('the table withholds a right that the block granted', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa) | (1n << 62n));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('the table withholds what the block did not grant: PXNTable over PXN', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa) | (3n << 59n));
    expect(said(rig)).toEqual([]);
  });

  test.each(granules)('%s granule: addresses past 4 GiB carry over', (granule) => {
    const rig = rigOf({ ...strong, granule });
    const bytes = levelBytes(rig.k.space.granule, 2);
    const pa = 4 * GiB - (granule === '64K' ? 0 : bytes / 2);
    const aligned = Math.floor(pa / bytes) * bytes;
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    put(rig, entry, block(aligned));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, aligned));
    expect(said(rig)).toEqual([]);
  });

  test.each([
    ['level2-noabort', []],
    ['level1', ['bbm']],
  ] as const)("a table of a block's leaves may become the block in place: %s", (weakest, expected) => {
    const { rig, entry, pa } = live({ classes: [weakest] }, 2, (r, base) => leafTable(r, 3, base));
    change(rig.cpus[0]!, entry, block(pa));
    expect(said(rig)).toEqual(expected);
  });

  test('a table whose leaves are no block may not', () => {
    const { rig, entry, pa } = live(strong, 2, (r, base) => leafTable(r, 3, base, {}, [511, 0n]));
    change(rig.cpus[0]!, entry, block(pa));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('a table may become a copy of itself, and no other table', () => {
    for (const [copy, expected] of [
      [true, []],
      [false, ['bbm']],
    ] as const) {
      const { rig, entry, pa } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
      change(rig.cpus[0]!, entry, leafTable(rig, 3, copy ? pa : pa + GiB));
      expect(said(rig)).toEqual(expected);
    }
  });
});

describe('a table that is taken out', () => {
  /** A table of pages, unlinked; then flushed as told; then the new entry stands in its place. */
  function replaced(flushes: readonly [TlbiName, bigint?][], after: (rig: Rig, pa: number) => bigint): Rig {
    const { rig, entry, pa, va } = live({ classes: ['level3', 'level3'] }, 2, (r, base) =>
      leafTable(r, 3, base, {}, [9, 0n]),
    );
    expect(va).toBe(VA);
    const cpu = rig.cpus[0]!;
    change(cpu, entry, 0n);
    for (const [name, operand] of flushes) run(tlbi(cpu, name, operand));
    run(dsb(cpu, 'ish'));
    change(cpu, entry, after(rig, pa));
    return rig;
  }
  const { granule, pageOffset } = rigOf({ classes: ['level0'] }).k.space;
  const VA = pageOffset + 16 * GiB;
  const all = encodeRangeOperand(VA, 7, 1, granule); // 512 pages
  const elsewhere = (_: Rig, pa: number) => block(pa + GiB);

  test('is out of walk caches and TLBs after a range that is not for the last level only', () => {
    expect(said(replaced([['rvaae1is', all]], elsewhere))).toEqual([]);
    expect(said(replaced([['vmalle1is']], elsewhere))).toEqual([]);
  });

  test('stays in walk caches after a TLBI for the last level only', () => {
    const rig = replaced([['rvaale1is', all]], elsewhere);
    expect(said(rig)).toEqual(['bbm']);
    expect(rig.reports[0]!.evidence.join('\n')).toContain('the last level only');
    expect(rig.reports[0]!.remedy).toContain('VAAE1IS');
  });

  test('leaves its pages in TLBs after a TLBI of one of its addresses', () => {
    const rig = replaced([['vaae1is', encodeVaOperand(VA)]], elsewhere);
    expect(said(rig)).toEqual(['bbm', 'bbm']); // the pages on both sides of the missing one
    expect(rig.reports[0]!.evidence.join('\n')).toContain('at level 3');
  });

  test('holds no pages of interest where only the missing one is mapped anew', () => {
    const rig = replaced([['vaae1is', encodeVaOperand(VA)]], (r, pa) => {
      const table = newTable(r, (i) => (i === 9 ? page(pa + GiB) : 0n));
      return tableDescriptor(table);
    });
    expect(said(rig)).toEqual([]);
  });

  test('leads to what it holds now: a page mapped elsewhere through the next table is caught', () => {
    const rig = replaced([['rvaale1is', all]], (r, pa) => {
      const table = newTable(r, (i) => (i === 8 ? page(pa + GiB) : 0n));
      return tableDescriptor(table);
    });
    expect(said(rig)).toEqual(['bbm']);
  });

  test('may be written once nobody can walk it', () => {
    const { rig, entry } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
    const inner = entryAt(rig, VA, 3);
    const cpu = rig.cpus[0]!;
    placeTable(rig.machine.memory, inner, 3, VA, rig.root);
    change(cpu, entry, 0n);
    run(tlbi(cpu, 'rvaae1is', all));
    run(dsb(cpu, 'ish'));
    change(cpu, inner, page(77 * GiB));
    expect(said(rig)).toEqual([]);
  });

  test('may not be written while walk caches still lead there', () => {
    const { rig, entry } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
    const inner = entryAt(rig, VA, 3);
    placeTable(rig.machine.memory, inner, 3, VA, rig.root);
    change(rig.cpus[0]!, entry, 0n);
    change(rig.cpus[0]!, inner, page(77 * GiB));
    expect(said(rig)).toEqual(['bbm']);
  });
});

describe('an old translation of another size', () => {
  test('survives a flush that promises pages only, and clashes with what is made then', () => {
    const { rig, entry, va, pa } = liveBlock({ classes: ['level3', 'level3'] });
    const cpu = rig.cpus[0]!;
    change(cpu, entry, leafTable(rig, 3, pa));
    const inner = entryAt(rig, va, 3);
    for (const [hint, expected] of [
      [3, ['bbm']],
      [0, []],
    ] as const) {
      rig.reports.length = 0;
      change(cpu, inner, 0n);
      run(tlbi(cpu, 'vaale1is', encodeVaOperand(va, 0, hint, rig.k.space.granule)));
      run(dsb(cpu, 'ish'));
      change(cpu, inner, page(pa + GiB));
      expect(said(rig)).toEqual(expected);
      change(cpu, inner, 0n);
      flush(cpu, 'vaale1is', va + 4096);
      run(tlbi(cpu, 'vaale1is', encodeVaOperand(va, 0, 3, rig.k.space.granule)));
      run(dsb(cpu, 'ish'));
      change(cpu, inner, page(pa));
    }
  });

  test('may be made anew in pieces on CPUs that stand both sizes', () => {
    for (const [weakest, expected] of [
      ['level2-noabort', []],
      ['level1', ['bbm']],
    ] as const) {
      const { rig, entry, pa } = liveBlock({ classes: [weakest] });
      change(rig.cpus[0]!, entry, 0n);
      change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
      expect(said(rig)).toEqual(expected);
    }
  });
});
