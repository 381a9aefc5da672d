import { describe, expect, test } from 'vitest';
import { encodeRangeOperand } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { ACCESSES } from '../../../src/hardware/counters.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { PTE_AF, PTE_CONT, PTE_RDONLY, PTE_VALID, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { pteDirty, pteMkcont, pteMkdirty } from '../../../src/kernel/tables/pte.ts';
import {
  contpteConvert,
  contpteTryFold,
  contpteTryUnfold,
  contpteTryUnfoldPartial,
  setPtes,
} from '../../../src/kernel/user/contpte.ts';
import { USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';
import { type Process, type ProcessOptions, startProcess } from '../user-process.ts';

/** Of so many groups each page is mapped, contiguous or not, by nobody's doing. */
function process(groups: number, contiguous: boolean, options?: ProcessOptions): Process {
  const p = startProcess(options);
  for (let page = 0; page < groups * p.group; page++) p.put(page, contiguous ? pteMkcont(p.pte(page)) : p.pte(page));
  return p;
}

/** What it does, in short; then it is all visible. */
function did({ cpu }: Process, operation: Op<unknown>): string[] {
  const steps = counted(recorded(cpu, operation).did);
  complete(dsb(cpu, 'ishst'));
  return steps;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const isGroup = (p: Process, group: number): boolean =>
  range(group * p.group, (group + 1) * p.group).every((page) => (p.entry(page) & PTE_CONT) !== 0n);
const isApart = (p: Process, group: number): boolean =>
  range(group * p.group, (group + 1) * p.group).every((page) => p.entry(page) === p.pte(page));

describe.each(granules)('contpteConvert, %s granule', (granule) => {
  test.each([true, false])('makes all members what one of them is to be, whichever that is: contiguous %s', (to) => {
    for (const page of [0, 5, -1]) {
      const p = process(1, !to, { granule });
      const member = page < 0 ? p.group + page : page;
      const pte = to ? pteMkcont(p.pte(member)) : p.pte(member);
      expect(did(p, contpteConvert(p.cpu, p.k, ...p.at(member), pte))).toEqual([
        `rmw x${p.group}`,
        `buffered x${p.group}`,
      ]);
      expect(to ? isGroup(p, 0) : isApart(p, 0)).toBe(true);
      expect(p.entry(p.group)).toBe(0n); // what lies behind is another group's
    }
  });

  test('without BBML2 the whole group is flushed: under its own ASID, last level only, and with no ISB', () => {
    const p = process(1, false, { granule, able: false });
    const { granule: sizes } = p.k.space;
    const num = p.group / 2 - 1; // (NUM + 1) * 2 pages of scale 0, or as many of scale 1
    const operand =
      num < 32
        ? encodeRangeOperand(USER_VA, num, 0, sizes, p.mm.asid, 3)
        : encodeRangeOperand(USER_VA, p.group / 64 - 1, 1, sizes, p.mm.asid, 3);
    expect(did(p, contpteConvert(p.cpu, p.k, ...p.at(3), pteMkcont(p.pte(3))))).toEqual([
      `rmw x${p.group}`,
      'dsb ishst',
      `tlbi rvale1is 0x${operand.toString(16)}`,
      'dsb ish',
      `buffered x${p.group}`,
    ]);
  });
});

describe('contpteConvert', () => {
  test('has all of the group invalid when it is flushed, and until that is complete', () => {
    const p = process(1, true, { able: false });
    const cpu = { ...p.cpu, controlled: true, goesOn: () => false };
    const op = contpteConvert(cpu, p.k, ...p.at(0), p.pte(0));
    const seen: string[] = [];
    for (let step = op.next(); step.done !== true; step = op.next()) {
      const { kind } = step.value;
      if (kind === 'rmw' || kind === 'load') continue;
      const empty = range(0, p.group).filter((page) => p.entry(page) === 0n).length;
      seen.push(`${kind}: ${empty}`);
    }
    expect(counted(seen).slice(0, 4)).toEqual(['dsb: 16', 'tlbi: 16', 'dsb: 16', 'store: 16 x16']);
  });

  test.each(range(0, 16))(
    'loses no dirty page to hardware that writes page %i until the moment it is cleared',
    (page) => {
      const p = process(1, true);
      const cpu = { ...p.cpu, controlled: true, goesOn: () => false };
      const op = contpteConvert(cpu, p.k, ...p.at(0), p.pte(0));
      for (let i = 0; i <= page; i++) expect(op.next().value).toMatchObject({ kind: 'rmw' });
      p.put(page, p.entry(page) & ~PTE_RDONLY); // its exchange is next
      while (op.next().done !== true);
      complete(dsb(p.cpu, 'ishst'));
      expect(range(0, p.group).every((each) => pteDirty(p.entry(each)))).toBe(true);
    },
  );
});

describe.each(granules)('contpteSetPtes, by setPtes of several pages, %s granule', (granule) => {
  test('the rest of one group, two whole ones, and the beginning of another: only whole ones are contiguous', () => {
    const p = startProcess({ granule });
    const [mm, va, ptep] = p.at(p.group - 2);
    const nr = 2 + 2 * p.group + 3;
    const before = p.cpu.counts[ACCESSES]!;
    expect(did(p, setPtes(p.cpu, p.k, mm, va, ptep, p.pte(p.group - 2), nr))).toEqual([`buffered x${nr}`]);
    expect(p.cpu.counts[ACCESSES]! - before).toBe(nr); // nothing is read: nobody was there
    expect(p.entry(p.group - 3)).toBe(0n);
    for (const page of range(p.group - 2, p.group - 2 + nr)) {
      const whole = page >= p.group && page < 3 * p.group;
      expect(p.entry(page)).toBe(whole ? pteMkcont(p.pte(page)) : p.pte(page));
    }
    expect(p.entry(3 * p.group + 3)).toBe(0n);
  });

  test('a contiguous bit that the caller has left in is not believed', () => {
    const p = startProcess({ granule });
    complete(setPtes(p.cpu, p.k, ...p.at(0), pteMkcont(p.pte(0)), 3));
    complete(dsb(p.cpu, 'ishst'));
    for (const page of [0, 1, 2]) expect(p.entry(page)).toBe(p.pte(page));
  });
});

describe('contpteTryFold', () => {
  const fold = (p: Process, page: number, pte = p.pte(page)) =>
    recorded(p.cpu, contpteTryFold(p.cpu, p.k, ...p.at(page), pte)).did;

  test('makes a group of pages that are alike but for who has used them, and keeps all use', () => {
    const p = process(1, false);
    p.put(2, p.pte(2) & ~PTE_AF);
    p.put(9, pteMkdirty(p.pte(9)));
    expect(counted(fold(p, 15))).toEqual(['rmw x16', 'buffered x16']);
    complete(dsb(p.cpu, 'ishst'));
    for (const page of range(0, 16)) expect(p.entry(page)).toBe(pteMkdirty(pteMkcont(p.pte(page))));
  });

  test.each<[why: string, page: number, pte: (p: Process) => bigint]>([
    ['is not the last of a group', 14, (p) => p.pte(14)],
    ['is the first of one', 0, (p) => p.pte(0)],
    ['lies elsewhere in memory than at the end of one', 15, (p) => p.pte(14)],
    ['lies elsewhere in addresses than at the end of one', 14, (p) => p.pte(15)],
    ['is not valid', 15, (p) => p.pte(15) & ~PTE_VALID],
    ['is in a group already', 15, (p) => pteMkcont(p.pte(15))],
  ])('does not even look at the others where the page %s', (_, page, pte) => {
    const p = process(1, false);
    const before = p.cpu.counts[ACCESSES]!;
    expect(fold(p, page, pte(p))).toEqual([]);
    expect(p.cpu.counts[ACCESSES]).toBe(before);
    expect(isApart(p, 0)).toBe(true);
  });

  test.each<[why: string, page: number, edit: (pte: bigint) => bigint]>([
    ['has gone', 0, () => 0n],
    ['may not be written to', 8, (pte) => pte & ~PTE_WRITE],
    ['maps the page after its own', 14, (pte) => pte + 0x1000n],
    ['is contiguous by mistake', 5, pteMkcont],
  ])('leaves all as it is where a member %s', (_, page, edit) => {
    const p = process(1, false);
    p.put(page, edit(p.pte(page)));
    expect(fold(p, 15)).toEqual([]);
    expect(p.entry(page)).toBe(edit(p.pte(page)));
    expect(p.entry(15)).toBe(p.pte(15));
  });
});

describe('contpteTryUnfold', () => {
  test('takes the group of any of its pages apart, and no other', () => {
    const p = process(3, true);
    expect(did(p, contpteTryUnfold(p.cpu, p.k, ...p.at(20), p.entry(20)))).toEqual(['rmw x16', 'buffered x16']);
    expect([0, 1, 2].map((group) => [isGroup(p, group), isApart(p, group)])).toEqual([
      [true, false],
      [false, true],
      [true, false],
    ]);
  });

  test.each<[what: string, edit: (pte: bigint) => bigint]>([
    ['a page alone', (pte) => pte],
    ['nothing', () => 0n],
    ['an entry that is not valid, whatever else it says', (pte) => pteMkcont(pte) & ~PTE_VALID],
  ])('finds nothing to do where there is %s', (_, edit) => {
    const p = process(1, true);
    expect(did(p, contpteTryUnfold(p.cpu, p.k, ...p.at(4), edit(p.pte(4))))).toEqual([]);
    expect(isGroup(p, 0)).toBe(true);
  });
});

describe('contpteTryUnfoldPartial', () => {
  test.each<[page: number, nr: number, apart: number[]]>([
    [0, 16, []],
    [16, 32, []],
    [0, 48, []],
    [0, 15, [0]],
    [1, 15, [0]],
    [15, 1, [0]],
    [4, 4, [0]],
    [0, 1, [0]],
    [15, 2, [0, 1]],
    [0, 17, [1]],
    [16, 17, [2]],
    [8, 24, [0]],
    [8, 16, [0, 1]],
    [8, 32, [0, 2]],
    [1, 46, [0, 2]],
  ])('from page %i on %i pages: the groups that reach beyond come apart, %j, each once', (page, nr, apart) => {
    const p = process(3, true);
    const steps = did(p, contpteTryUnfoldPartial(p.cpu, p.k, ...p.at(page), nr));
    expect(steps).toEqual(apart.flatMap(() => ['rmw x16', 'buffered x16']));
    expect([0, 1, 2].filter((group) => isApart(p, group))).toEqual(apart);
    expect([0, 1, 2].filter((group) => isGroup(p, group))).toEqual([0, 1, 2].filter((group) => !apart.includes(group)));
  });

  test('without BBML2 each of them is flushed', () => {
    const p = process(2, true, { able: false });
    const steps = did(p, contpteTryUnfoldPartial(p.cpu, p.k, ...p.at(8), 16));
    expect(steps.filter((each) => each.startsWith('tlbi'))).toHaveLength(2);
    expect([isApart(p, 0), isApart(p, 1)]).toEqual([true, true]);
  });
});
