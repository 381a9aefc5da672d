import { describe, expect, test } from 'vitest';
import { differInUseOnly } from '../../src/arch/dirty-state.ts';
import { faultCode } from '../../src/arch/fault.ts';
import { classify } from '../../src/hardware/multiple-match.ts';
import { lookup, putEntry, SEVERAL } from '../../src/hardware/tlb.ts';
import { FLAG_CONTIGUOUS, sizeOf } from '../../src/hardware/tlb-entry.ts';
import { ldtr, sttr } from '../../src/hardware/unprivileged.ts';
import {
  PTE_AF,
  PTE_CONT,
  PTE_DIRTY,
  PTE_PXN,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../src/kernel/pgtable-prot.ts';
import { pteDirty, pteYoung } from '../../src/kernel/pte.ts';
import { USER_VA } from '../../src/scenario/user-folio.ts';
import { complete } from '../kernel/boot-cpu.ts';
import { type Process, startProcess } from '../kernel/user-process.ts';

const PAGE = 4096;
const va = (page: number): number => USER_VA + page * PAGE;
const read = (p: Process, page: number): number => complete(ldtr(p.cpu, va(page))).fault;
const write = (p: Process, page: number): number => complete(sttr(p.cpu, va(page), 1n)).fault;

/** A group of clean pages; `hafdbs`: what the CPU manages by itself. */
function grouped(hafdbs: 0 | 1 | 2, cont = PTE_CONT): Process {
  const p = startProcess({ hafdbs });
  for (let page = 0; page < p.group; page++) p.put(page, p.pte(page) | cont);
  return p;
}

/** The next fills cache a whole group, or the page alone. */
function fills(p: Process, what: 'group' | 'page'): void {
  const { choose } = p.cpu;
  Object.assign(p.cpu, {
    choose: (n: number, kind: Parameters<typeof choose>[1]) =>
      kind === 'speculate' ? (what === 'group' ? 0 : n - 1) : 0,
  });
}

describe('the Access flag', () => {
  test.each([1, 2] as const)('is set by the walk where hardware manages it: HAFDBS %i', (hafdbs) => {
    const p = grouped(hafdbs, 0n);
    p.put(3, p.pte(3) & ~PTE_AF);
    expect(read(p, 3)).toBe(0);
    expect(pteYoung(p.entry(3))).toBe(true);
    expect(pteDirty(p.entry(3))).toBe(false);
  });

  test('is a fault where it does not, and nothing is changed or cached', () => {
    const p = grouped(0, 0n);
    p.put(3, p.pte(3) & ~PTE_AF);
    expect(read(p, 3)).toBe(faultCode('accessflag', 3));
    expect(p.entry(3)).toBe(p.pte(3) & ~PTE_AF);
    p.put(3, p.pte(3));
    expect(read(p, 3)).toBe(0);
  });
});

describe('the dirty state', () => {
  test('is set by a store, not by a load, where hardware manages it', () => {
    const p = grouped(2, 0n);
    expect(read(p, 3)).toBe(0);
    expect(p.entry(3)).toBe(p.pte(3));
    expect(write(p, 3)).toBe(0);
    expect(p.entry(3)).toBe(p.pte(3) & ~PTE_RDONLY);
    expect(write(p, 3)).toBe(0);
  });

  test.each([0, 1] as const)('is a permission fault where it does not: HAFDBS %i', (hafdbs) => {
    const p = grouped(hafdbs, 0n);
    expect(write(p, 3)).toBe(faultCode('permission', 3));
    expect(p.entry(3)).toBe(p.pte(3));
  });

  test('is not set where DBM is not: a store is refused', () => {
    const p = grouped(2, 0n);
    p.put(3, p.pte(3) & ~PTE_WRITE);
    expect(write(p, 3)).toBe(faultCode('permission', 3));
    expect(p.entry(3)).toBe(p.pte(3) & ~PTE_WRITE);
  });

  test('goes by memory, not by the clean entry that is cached: taken away meanwhile, it stays away', () => {
    const p = grouped(2, 0n);
    expect(read(p, 3)).toBe(0);
    p.put(3, 0n);
    expect(write(p, 3)).toBe(faultCode('translation', 3));
    expect(p.entry(3)).toBe(0n);
    p.put(3, p.pte(3) & ~PTE_WRITE);
    expect(write(p, 3)).toBe(faultCode('permission', 3));
  });

  test('in a group: of the member that is written', () => {
    const p = grouped(2);
    fills(p, 'group');
    expect(write(p, 3)).toBe(0);
    expect([2, 3, 4].map((page) => pteDirty(p.entry(page)))).toEqual([false, true, false]);
  });

  test('... through an entry of the whole group that a dirty member made, of nobody else', () => {
    const p = grouped(2);
    fills(p, 'group');
    expect(write(p, 3)).toBe(0);
    expect(sizeOf(p.cpu.tlb, p.cpu.way)).toBe(p.group * PAGE);
    expect(write(p, 9)).toBe(0);
    expect(pteDirty(p.entry(9))).toBe(false);
  });
});

describe('clean and dirty members of one group', () => {
  test('are no conflict where both are cached, whatever the class: any of them may be used', () => {
    const p = grouped(2);
    fills(p, 'page');
    expect(read(p, 5)).toBe(0);
    fills(p, 'group');
    expect(write(p, 3)).toBe(0);
    expect(lookup(p.cpu.tlb, va(5), p.mm.asid)).toBe(SEVERAL);
    expect(classify(p.cpu.tlb)).toBe('none');
    expect(write(p, 5)).toBe(0);
  });

  test('... but members that may be written and others that may not are', () => {
    const p = grouped(2);
    fills(p, 'page');
    expect(read(p, 5)).toBe(0);
    p.put(3, (p.entry(3) & ~PTE_WRITE) | PTE_RDONLY);
    const found = {
      pa: Number(p.pte(3) & 0xffff_ffff_f000n),
      rights: 5,
      attrIndx: 0,
      sh: 3,
      level: 3,
      descriptorPa: 0,
    };
    const low = Number(BigInt.asIntN(32, p.entry(3)));
    const high = Number(BigInt.asIntN(32, p.entry(3) >> 32n));
    putEntry(p.cpu.tlb, 0, va(0), 16, p.mm.asid, { ...found, low, high }, FLAG_CONTIGUOUS, 0);
    expect(lookup(p.cpu.tlb, va(5), p.mm.asid)).toBe(SEVERAL);
    expect(classify(p.cpu.tlb)).toBe('contiguous');
  });
});

test('two descriptors differ in use only: Access flag, dirty state of what is writable, software bits, address', () => {
  const p = startProcess();
  const one = p.pte(3);
  for (const other of [one & ~PTE_AF, one & ~PTE_RDONLY, one | PTE_DIRTY, p.pte(9)])
    expect(differInUseOnly(one, other)).toBe(true);
  for (const other of [one & ~PTE_WRITE, one | PTE_CONT, one & ~PTE_PXN, one & ~PTE_VALID, 0n])
    expect(differInUseOnly(one, other)).toBe(false);
  const readOnly = one & ~PTE_WRITE;
  expect(differInUseOnly(readOnly, readOnly & ~PTE_RDONLY)).toBe(false);
});
