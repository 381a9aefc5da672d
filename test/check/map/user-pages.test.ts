import { describe, expect, test } from 'vitest';
import { leak } from '../../../src/check/lifetime/leak.ts';
import { contiguous } from '../../../src/check/map/contiguous.ts';
import { dirty } from '../../../src/check/map/dirty.ts';
import { standardProperties } from '../../../src/check/standard.ts';
import type { Property, Violation } from '../../../src/check/violation.ts';
import { observerOf } from '../../../src/check/watch.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { sttr } from '../../../src/hardware/instruction/unprivileged.ts';
import { exceptionReturn } from '../../../src/hardware/interrupt.ts';
import { PTE_CONT, PTE_DIRTY, PTE_RDONLY, PTE_VALID, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { setPtes, wrprotectPtes } from '../../../src/kernel/user/contpte.ts';
import { cpuSwitchMm, mmAlloc, pteAllocMap } from '../../../src/kernel/user/mm.ts';
import { pageMkclean, writeProtect } from '../../../src/kernel/user/user-pages.ts';
import { flushTlbRange } from '../../../src/kernel/user/user-tlbflush.ts';
import { folioPte, USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../../kernel/boot-cpu.ts';
import { type Process, startProcess } from '../../kernel/user-process.ts';

/** What the checks say of user pages: of a process whose folio is a contiguous group, watched from then on. */

interface Watched extends Process {
  readonly reports: Violation[];
  readonly atRest: (property: Property) => Violation[];
}

function watched(able = true): Watched {
  const p = startProcess({ able });
  complete(setPtes(p.cpu, p.k, ...p.at(0), p.pte(0), p.group));
  complete(dsb(p.cpu, 'ishst'));
  const reports: Violation[] = [];
  const observer = observerOf(standardProperties, {
    kernel: p.k,
    report: (cpu, property, message, evidence, remedy = '') =>
      reports.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy }),
  });
  Object.assign(p.cpu, { observer });
  const machine = { board: p.k.board, layout: p.cpu.layout, memory: p.memory };
  return { ...p, reports, atRest: (property) => property.atRest!(machine, p.k) };
}

const said = ({ reports }: Watched): string[] => reports.map(({ property }) => property);
const write = (p: Watched, page: number): void => {
  exceptionReturn(p.cpu);
  complete(sttr(p.cpu, p.at(page)[1], 1n));
};

describe('dirty', () => {
  test('is silent where a page is written, told of, written again', () => {
    const p = watched();
    write(p, 3);
    expect(p.atRest(dirty)).toEqual([]);
    expect(complete(pageMkclean(p.cpu, p.k, ...p.at(3)))).toBe(true);
    expect(complete(pageMkclean(p.cpu, p.k, ...p.at(3)))).toBe(false);
    write(p, 3);
    expect(complete(pageMkclean(p.cpu, p.k, ...p.at(3)))).toBe(true);
    expect(said(p)).toEqual([]);
    expect(p.atRest(dirty)).toEqual([]);
  });

  test('is silent where another member of the group says so, or software', () => {
    const p = watched();
    write(p, 3);
    p.put(3, p.entry(3) | PTE_RDONLY);
    p.put(8, p.entry(8) & ~PTE_RDONLY);
    expect(p.atRest(dirty)).toEqual([]);
    p.put(8, (p.entry(8) | PTE_RDONLY | PTE_DIRTY) & ~PTE_WRITE);
    expect(p.atRest(dirty)).toEqual([]);
  });

  test('speaks up where a page is taken for clean that was written', () => {
    const p = watched();
    write(p, 3);
    for (let page = 0; page < p.group; page++) p.put(page, p.entry(page) | PTE_RDONLY);
    complete(pageMkclean(p.cpu, p.k, ...p.at(3)));
    expect(said(p)).toEqual(['dirty']);
    expect(p.reports[0]!.remedy).toContain('contpte_convert()');
  });

  test.each<[where: string, lose: (p: Watched) => void]>([
    ['no entry says so', (p) => p.put(3, p.pte(3))],
    [
      'only a neighbour does, of another group or of none',
      (p) => {
        for (let page = 0; page < p.group; page++) p.put(page, p.pte(page));
        p.put(4, p.pte(4) & ~PTE_RDONLY);
      },
    ],
    ['nothing maps it any more', (p) => p.put(3, 0n)],
  ])('speaks up at rest where %s', (_, lose) => {
    const p = watched();
    write(p, 3);
    for (let page = 0; page < p.group; page++) p.put(page, p.entry(page) | PTE_RDONLY);
    lose(p);
    expect(p.atRest(dirty).map(({ property }) => property)).toEqual(['dirty']);
  });

  test('says when there is no room for more', () => {
    const p = watched();
    complete(setPtes(p.cpu, p.k, ...p.at(p.group), p.pte(p.group), 5 * p.group));
    complete(dsb(p.cpu, 'ishst'));
    for (let page = 0; page < 4 * p.group; page++) write(p, page);
    expect(said(p)).toEqual([]);
    write(p, 4 * p.group);
    expect(said(p)).toEqual(['notebook-full']);
  });
});

describe('contiguous, of user groups', () => {
  test('is silent where members are dirty and clean, at rest and when a change is in force', () => {
    const p = watched();
    write(p, 3);
    expect(p.atRest(contiguous)).toEqual([]);
    announce(p.cpu, 'wrprotect', USER_VA, USER_VA + 4096, p.mm.asid);
    expect(said(p)).toEqual([]);
  });

  test.each<[what: string, edit: (old: bigint) => bigint]>([
    ['may not be written', (old) => (old & ~PTE_WRITE) | PTE_RDONLY],
    ['is not mapped', (old) => old & ~PTE_VALID],
    ['lacks the bit', (old) => old & ~PTE_CONT],
    ['goes elsewhere', (old) => old + 4096n],
  ])('speaks up where one member %s', (_, edit) => {
    const p = watched();
    p.put(6, edit(p.entry(6)));
    expect(p.atRest(contiguous).map(({ property }) => property)).toEqual(['contiguous']);
  });

  test('speaks up when a part has been protected', () => {
    const p = watched();
    const text = { ...p.k.text, contpte: { ...p.k.text.contpte, *tryUnfoldPartial() {} } };
    complete(writeProtect(p.cpu, { ...p.k, text }, ...p.at(6), 1));
    expect(said(p)).toEqual(['contiguous']);
    expect(p.reports[0]!.remedy).toContain('contpte_try_unfold_partial()');
  });
});

describe('bbm, of user groups', () => {
  test.each([true, false])('is silent on what hardware does to one member: BBML2 %s', (able) => {
    const p = watched(able);
    write(p, 3);
    expect(said(p)).toEqual([]);
  });

  test.each([
    [true, []],
    [false, ['bbm']],
  ])('a live group that is protected as a whole is misprogrammed meanwhile: BBML2 %s', (able, expected) => {
    const p = watched(able);
    complete(wrprotectPtes(p.cpu, p.k, ...p.at(0), p.group));
    expect([...new Set(said(p))]).toEqual(expected);
  });
});

describe('stale, of one ASID', () => {
  /** Page 3 is protected in the first process; then another one is there, and in force. */
  function twoProcesses(): { p: Watched; second: Process['mm'] } {
    const p = watched();
    complete(wrprotectPtes(p.cpu, p.k, ...p.at(3), 1));
    const second = complete(mmAlloc(p.cpu, p.k));
    const ptep = complete(pteAllocMap(p.cpu, p.k, second, USER_VA));
    complete(setPtes(p.cpu, p.k, second, USER_VA, ptep, folioPte(p.k, 1, 0), p.group));
    complete(dsb(p.cpu, 'ishst'));
    return { p, second };
  }
  const page = [USER_VA + 3 * 4096, USER_VA + 4 * 4096] as const;

  test('says nothing of what another process has not flushed', () => {
    const { p, second } = twoProcesses();
    complete(cpuSwitchMm(p.cpu, p.k, second));
    announce(p.cpu, 'wrprotect', ...page, second.asid);
    expect(said(p)).toEqual([]);
  });

  test.each([
    ['its own', 0, []],
    ["the other's", 1, ['stale']],
  ])('a flush with %s ASID', (_, which, expected) => {
    const { p, second } = twoProcesses();
    complete(flushTlbRange(p.cpu, p.k, which === 0 ? p.mm : second, ...page, 4096, 3, { noWalkCache: true }));
    announce(p.cpu, 'wrprotect', ...page, p.mm.asid);
    expect(said(p)).toEqual(expected);
  });

  test.each([3, 2, 1])('a flush that promises leaves of level %i', (level) => {
    const { p } = twoProcesses();
    complete(flushTlbRange(p.cpu, p.k, p.mm, ...page, 4096, level, { noWalkCache: true }));
    announce(p.cpu, 'wrprotect', ...page, p.mm.asid);
    expect(said(p)).toEqual(level === 3 ? [] : ['stale']);
    if (level !== 3) expect(p.reports[0]!.remedy).toMatch(/^__flush_tlb_range\(\) .* ASID of its mm, and its level/);
  });

  test('a store that only this process sees is buffered: of the other nothing is', () => {
    const { p, second } = twoProcesses();
    complete(cpuSwitchMm(p.cpu, p.k, second));
    complete(flushTlbRange(p.cpu, p.k, p.mm, ...page, 4096, 3, { noWalkCache: true }));
    const [, , ptep] = p.at(3);
    const cpu = { ...p.cpu, controlled: true, goesOn: () => true };
    complete(store(cpu, ptep, 0n));
    announce(cpu, 'wrprotect', ...page, second.asid);
    expect(said(p)).toEqual([]);
    announce(cpu, 'wrprotect', ...page);
    expect(said(p)).toEqual(['stale']);
  });
});

describe('user-map', () => {
  test('speaks of user addresses, and leaves the kernel its own', () => {
    const p = watched();
    p.cpu.observer.promiseBroken(p.cpu, USER_VA, 0x4000_0000, 0x4000_1000);
    p.cpu.observer.promiseBroken(p.cpu, p.k.space.pageOffset, 0x4000_0000, 0x4000_1000);
    expect(said(p)).toEqual(['user-map', 'linear-map']);
    expect(p.reports[0]!.evidence.join()).toContain(`ASID ${p.mm.asid}`);
  });
});

test('the tables of a process are no leak', () => expect(watched().atRest(leak)).toEqual([]));
