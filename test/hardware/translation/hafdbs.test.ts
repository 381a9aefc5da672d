import { describe, expect, test } from 'vitest';
import { differInUseOnly } from '../../../src/arch/dirty-state.ts';
import { faultCode } from '../../../src/arch/fault.ts';
import { pack } from '../../../src/arch/field.ts';
import { TCR_EL1 } from '../../../src/arch/registers.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { ldtr, sttr } from '../../../src/hardware/instruction/unprivileged.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { makeDirty } from '../../../src/hardware/translation/hafdbs.ts';
import { classify } from '../../../src/hardware/translation/multiple-match.ts';
import { regimeOf } from '../../../src/hardware/translation/regime.ts';
import { lookup, putEntry, SEVERAL } from '../../../src/hardware/translation/tlb.ts';
import { FLAG_CONTIGUOUS, sizeOf } from '../../../src/hardware/translation/tlb-entry.ts';
import {
  PTE_AF,
  PTE_CONT,
  PTE_DIRTY,
  PTE_PXN,
  PTE_RDONLY,
  PTE_USER,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { pteDirty, pteYoung } from '../../../src/kernel/tables/pte.ts';
import { USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../../kernel/boot-cpu.ts';
import { type Process, startProcess } from '../../kernel/user-process.ts';

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

test('an update that comes too late changes nothing, and nobody is told of it', () => {
  const p = grouped(2, 0n);
  expect(read(p, 3)).toBe(0);
  p.put(3, p.pte(4));
  const told: number[] = [];
  makeDirty({ ...p.cpu, visible: (pa) => told.push(pa) });
  expect([p.entry(3), told]).toEqual([p.pte(4), []]);
});

describe('what hardware manages', () => {
  const TCR = (HA: number, HD: number): bigint => pack(TCR_EL1, { T0SZ: 16, HA, HD });
  test.each([
    [2, 1, 1, [1, 1]],
    [2, 1, 0, [1, 0]],
    [2, 0, 1, [0, 0]],
    [1, 1, 1, [1, 0]],
    [0, 1, 1, [0, 0]],
  ])('FEAT_HAFDBS %i, TCR_EL1.HA %i, HD %i', (hafdbs, HA, HD, expected) => {
    const registers = { TTBR0_EL1: 0n, TTBR1_EL1: 0n, MAIR_EL1: 0n, SCTLR_EL1: 0n, TCR_EL1: TCR(HA, HD) };
    const features = { physicalAddressBits: 48, hpds: false, e0pd: false, smallTables: false, epan: false, hafdbs };
    const { managesAccessFlag, managesDirtyState } = regimeOf(registers, 0, features);
    expect([managesAccessFlag, managesDirtyState]).toEqual(expected);
  });
});

test("accesses have the rights of EL0: what is the kernel's alone they cannot use", () => {
  const p = grouped(2, 0n);
  p.put(3, (p.pte(3) & ~(PTE_USER | PTE_RDONLY)) | PTE_WRITE);
  expect([read(p, 3), write(p, 3)]).toEqual([faultCode('permission', 3), faultCode('permission', 3)]);
  p.put(4, (p.pte(4) | PTE_RDONLY) & ~PTE_WRITE);
  expect([read(p, 4), write(p, 4)]).toEqual([0, faultCode('permission', 3)]);
});

test('an announcement for one ASID puts out of use what has been replaced under it, and nothing else', () => {
  const p = grouped(2, 0n);
  const used: number[] = [];
  const observer = { ...nobody, withdrawnUse: (_: unknown, at: number) => used.push(at) };
  Object.assign(p.cpu, { observer, choose: () => 0 }); // what is announced is heard at once
  expect(read(p, 3)).toBe(0);
  p.put(3, p.pte(5));
  announce(p.cpu, 'x', USER_VA, va(9), p.mm.asid + 1);
  expect(read(p, 3)).toBe(0);
  expect(used).toEqual([]);
  announce(p.cpu, 'x', USER_VA, va(9), p.mm.asid);
  expect(read(p, 3)).toBe(0);
  expect(used).toEqual([va(3)]);
});
