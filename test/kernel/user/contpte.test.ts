import { describe, expect, test } from 'vitest';
import { granules } from '../../../src/hardware/board/board.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import type { Op } from '../../../src/hardware/op.ts';
import {
  PTE_AF,
  PTE_CONT,
  PTE_DIRTY,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { pteDirty, pteMkdirty, pteMkwrite, pteWrprotect, pteYoung } from '../../../src/kernel/tables/pte.ts';
import {
  ptepGet,
  ptepGetAndClear,
  ptepGetLockless,
  ptepSetAccessFlags,
  setPtes,
  wrprotectPtes,
} from '../../../src/kernel/user/contpte.ts';
import { complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';
import { type Process, type ProcessOptions, startProcess } from '../user-process.ts';

/** All pages but the last, one by one; then `last`, and what that does. */
function mapped(p: Process, edit: (page: number) => bigint = p.pte, last = p.pte(p.group - 1)): string[] {
  for (let page = 0; page < p.group - 1; page++) complete(setPtes(p.cpu, p.k, ...p.at(page), edit(page), 1));
  return did(p, setPtes(p.cpu, p.k, ...p.at(p.group - 1), last, 1));
}

/** What becomes of it, in short, once it is all visible. */
function did({ cpu }: Process, operation: Op<unknown>): string[] {
  const steps = counted(recorded(cpu, operation).did.map((each) => each.replace(/ 0x.*/, '')));
  complete(dsb(cpu, 'ishst'));
  return steps;
}

function folded(options?: ProcessOptions): Process {
  const p = startProcess(options);
  mapped(p);
  return p;
}

const pages = (p: Process): number[] => Array.from({ length: p.group }, (_, page) => page);
const contiguous = (p: Process): number => pages(p).filter((page) => (p.entry(page) & PTE_CONT) !== 0n).length;

describe.each(granules)('the last page completes a group, %s granule', (granule) => {
  test('with BBML2: each entry is cleared by an exchange and stored anew, and there is no TLBI', () => {
    const p = startProcess({ granule });
    expect(mapped(p)).toEqual(['buffered', `rmw x${p.group}`, `buffered x${p.group}`]);
    for (const page of pages(p)) expect(p.entry(page)).toBe(p.pte(page) | PTE_CONT);
  });

  test('without: one flush of the group between clearing and storing', () => {
    const p = startProcess({ granule, able: false });
    const flush = ['dsb ishst', 'tlbi rvale1is', 'dsb ish'];
    expect(mapped(p)).toEqual(['buffered', `rmw x${p.group}`, ...flush, `buffered x${p.group}`]);
    for (const page of pages(p)) expect(p.entry(page)).toBe(p.pte(page) | PTE_CONT);
  });

  test('... without range operations one TLBI a page', () => {
    const p = startProcess({ granule, able: false, tlbiRange: false });
    expect(mapped(p)).toContain(`tlbi vale1is x${p.group}`);
  });
});

describe('no group is made', () => {
  const p = startProcess();
  const last = p.group - 1;
  test.each<[why: string, edit: (page: number) => bigint, last?: bigint]>([
    ['of which a page is missing', (page) => (page === 4 ? 0n : p.pte(page))],
    ['of pages with other rights', (page) => (page === 0 ? p.pte(page) & ~PTE_WRITE : p.pte(page))],
    ['of pages of another folio', (page) => p.pte(page === 7 ? 8 : page)],
    ['of pages that are not aligned in memory', (page) => p.pte(page + 1), p.pte(last + 1)],
    ['if the last page is of another kind', p.pte, p.pte(last) & ~PTE_WRITE],
    ['if the last page is not mapped', p.pte, p.pte(last) & ~PTE_VALID],
  ])('%s', (_why, edit, lastPte) => {
    for (const page of pages(p)) p.put(page, 0n);
    expect(mapped(p, edit, lastPte)).toEqual(['buffered']);
    expect(contiguous(p)).toBe(0);
  });

  test('when another page than the last one comes last', () => {
    for (const page of pages(p)) p.put(page, page === 3 ? 0n : p.pte(page));
    expect(did(p, setPtes(p.cpu, p.k, ...p.at(3), p.pte(3), 1))).toEqual(['buffered']);
    expect(contiguous(p)).toBe(0);
  });
});

describe('several pages at once', () => {
  test('are contiguous from the start where they are a group: nothing was there before', () => {
    const p = startProcess();
    expect(did(p, setPtes(p.cpu, p.k, ...p.at(0), p.pte(0), p.group + 3))).toEqual([`buffered x${p.group + 3}`]);
    expect(pages(p).every((page) => p.entry(page) === (p.pte(page) | PTE_CONT))).toBe(true);
    expect(p.entry(p.group)).toBe(p.pte(p.group));
  });

  test('are not where they are a part of one, or not aligned in memory', () => {
    const p = startProcess();
    complete(setPtes(p.cpu, p.k, ...p.at(1), p.pte(1), p.group - 1));
    complete(setPtes(p.cpu, p.k, ...p.at(p.group), p.pte(1), p.group));
    complete(dsb(p.cpu, 'ishst'));
    for (let page = 1; page < 2 * p.group; page++) expect(p.entry(page) & PTE_CONT).toBe(0n);
  });
});

describe('what hardware has noted', () => {
  test.each([0, 9, 14])('in page %i alone, all of a new group have: dirty', (page) => {
    const p = startProcess();
    mapped(p, (each) => (each === page ? pteMkdirty(p.pte(each)) : p.pte(each)));
    expect(contiguous(p)).toBe(16);
    expect(pages(p).every((each) => pteDirty(p.entry(each)))).toBe(true);
  });

  test('... and all of its pages when it falls apart: dirty from one, young from another', () => {
    const p = folded();
    for (const page of pages(p)) p.put(page, p.entry(page) & ~PTE_AF);
    p.put(4, p.entry(4) & ~PTE_RDONLY);
    p.put(11, p.entry(11) | PTE_AF);
    const cleared = complete(ptepGetAndClear(p.cpu, p.k, ...p.at(6)));
    complete(dsb(p.cpu, 'ishst'));
    const others = pages(p).filter((page) => page !== 6);
    for (const pte of [cleared, ...others.map(p.entry)]) {
      expect(pteDirty(pte) && pteYoung(pte)).toBe(true);
      expect(pte & PTE_CONT).toBe(0n);
    }
    expect(p.entry(6)).toBe(0n);
  });

  test.each([ptepGet, ptepGetLockless])('is told of the whole group by %o', (get) => {
    const p = folded();
    const [, , ptep] = p.at(2);
    for (const page of pages(p)) p.put(page, p.entry(page) & ~PTE_AF);
    expect(pteDirty(complete(get(p.cpu, p.k, ptep)))).toBe(false);
    p.put(13, (p.entry(13) & ~PTE_RDONLY) | PTE_AF);
    const pte = complete(get(p.cpu, p.k, ptep));
    expect(pteDirty(pte) && pteYoung(pte)).toBe(true);
    expect(pte & PTE_CONT).toBe(PTE_CONT);
    expect(pteDirty(p.entry(2))).toBe(false);
  });

  test('is told of a page alone where it is in no group', () => {
    const p = startProcess();
    mapped(p, (page) => (page === 0 ? 0n : pteMkdirty(p.pte(page))));
    p.put(5, p.pte(5));
    expect(complete(ptepGetLockless(p.cpu, p.k, p.at(5)[2]))).toBe(p.pte(5));
  });
});

describe('without the lock a group is believed only where it holds together', () => {
  /** Reads page 2 of a group; after `loads` of them the group becomes what `edit` says; then it is read to the end. */
  function readWhile(loads: number, edit: (p: Process) => void): bigint {
    const p = folded();
    p.put(1, pteMkdirty(p.entry(1)));
    const cpu = { ...p.cpu, controlled: true, goesOn: () => false };
    const reading = ptepGetLockless(cpu, p.k, p.at(2)[2]);
    for (let i = 0; i < loads; i++) reading.next();
    edit(p);
    for (let i = 0; i < 1000; i++) {
      const { done, value } = reading.next();
      if (done === true) return value;
    }
    throw new Error('it is never believed');
  }

  const unfold = (p: Process): void => {
    for (const page of pages(p)) p.put(page, pteMkdirty(p.pte(page)));
  };
  const clear = (p: Process): void => {
    for (const page of pages(p)) p.put(page, 0n);
  };
  const protect = (p: Process): void => {
    for (const page of pages(p)) p.put(page, (p.entry(page) & ~PTE_WRITE) | PTE_RDONLY | PTE_DIRTY);
  };
  const points = Array.from({ length: 17 }, (_, i) => i + 1);

  test.each(points)('unfolded after %i loads, it is one or the other, and dirty', (loads) => {
    expect(pteDirty(readWhile(loads, unfold))).toBe(true);
  });

  test.each(points)('cleared after %i loads, it is dirty or not there', (loads) => {
    const pte = readWhile(loads, clear);
    expect(pte === 0n || pteDirty(pte)).toBe(true);
  });

  test.each(points)('write-protected after %i loads, it is dirty all the same', (loads) => {
    expect(pteDirty(readWhile(loads, protect))).toBe(true);
  });
});

describe('write protection', () => {
  test.each([
    [3, 1],
    [0, 1],
    [0, 15],
    [15, 1],
  ])('of a part, from page %i on %i pages, takes the group apart first', (page, nr) => {
    const p = folded();
    expect(did(p, wrprotectPtes(p.cpu, p.k, ...p.at(page), nr))).toEqual([
      'rmw x16',
      'buffered x16',
      nr === 1 ? 'rmw' : `rmw x${nr}`,
    ]);
    expect(contiguous(p)).toBe(0);
    for (const each of pages(p))
      expect(p.entry(each)).toBe(each >= page && each < page + nr ? p.pte(each) & ~PTE_WRITE : p.pte(each));
  });

  test('... of two groups: both, where it begins and ends inside', () => {
    const p = startProcess();
    complete(setPtes(p.cpu, p.k, ...p.at(0), p.pte(0), 2 * p.group));
    expect(did(p, wrprotectPtes(p.cpu, p.k, ...p.at(8), 16))).toEqual([
      'rmw x16',
      'buffered x16',
      'rmw x16',
      'buffered x16',
      'rmw x16',
    ]);
  });

  test('... of one whole group and a part of the next: the next only', () => {
    const p = startProcess();
    complete(setPtes(p.cpu, p.k, ...p.at(0), p.pte(0), 2 * p.group));
    complete(wrprotectPtes(p.cpu, p.k, ...p.at(0), 20));
    complete(dsb(p.cpu, 'ishst'));
    expect(contiguous(p)).toBe(16);
    expect(p.entry(16) & PTE_CONT).toBe(0n);
  });

  test('of a whole group leaves it whole, and its flush to the caller', () => {
    const p = folded();
    expect(did(p, wrprotectPtes(p.cpu, p.k, ...p.at(0), p.group))).toEqual(['rmw x16']);
    expect(pages(p).every((page) => p.entry(page) === ((p.pte(page) & ~PTE_WRITE) | PTE_CONT))).toBe(true);
  });

  test('forgets no page that hardware makes dirty meanwhile', () => {
    const p = startProcess();
    mapped(p, (page) => (page === 0 ? 0n : p.pte(page)));
    const cpu = { ...p.cpu, controlled: true, goesOn: () => false };
    const [mm, va, ptep] = p.at(5);
    const op = wrprotectPtes(cpu, p.k, mm, va, ptep, 1);
    for (let steps = 0; ; steps++) {
      const { done, value } = op.next();
      if (done === true) break;
      if (value.kind === 'rmw' && p.entry(5) === p.pte(5)) p.put(5, p.pte(5) & ~PTE_RDONLY);
      expect(steps).toBeLessThan(20);
    }
    expect(pteDirty(p.entry(5))).toBe(true);
    expect(p.entry(5) & PTE_WRITE).toBe(0n);
  });
});

test.each([false, true])('protected and writable again, a page is as it was: dirty %s', (dirty) => {
  const p = startProcess();
  const before = dirty ? pteMkdirty(p.pte(3)) : p.pte(3);
  expect(pteDirty(pteWrprotect(before))).toBe(dirty);
  expect(pteMkwrite(pteWrprotect(before))).toBe(before);
});

test('a fault on one page of a group makes all of it young, and after a write dirty: the others fault no more', () => {
  const p = folded();
  for (const page of pages(p)) p.put(page, p.entry(page) & ~PTE_AF);
  expect(did(p, ptepSetAccessFlags(p.cpu, p.k, ...p.at(9), true))).toEqual([
    'rmw x16',
    'dsb ishst',
    'tlbi rvale1is',
    'dsb ish',
  ]);
  expect(pages(p).every((page) => pteYoung(p.entry(page)) && pteDirty(p.entry(page)))).toBe(true);
  expect(contiguous(p)).toBe(16);
});
