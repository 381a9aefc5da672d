import { describe, expect, it } from 'vitest';
import { GRANULE_4K } from '../../../src/arch/granule.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { TLBIS_APPLIED } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { CPU_APPLIED, CPU_HAZARD, issue, issued, TLBI_AUDIT } from '../../../src/hardware/tlbi/dvm.ts';
import { applyUpTo, catchUp, isBehind, overtaken } from '../../../src/hardware/tlbi/maintenance.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { translate } from '../../../src/hardware/translation/access.ts';
import { lookup, MISS, SEVERAL } from '../../../src/hardware/translation/tlb.ts';
import { FLAG_WITHDRAWN, flagsOf, GLOBAL } from '../../../src/hardware/translation/tlb-entry.ts';
import { KERNEL, MIB2, map, newData, PAGE, run, smallMachine } from '../small-machine.ts';
import { invalidate, LEVELS, leavesOf, put, ROOMY, SHIFTS } from './filled-tlb.ts';

describe('a TLBI by address', () => {
  it.each<TlbiName>(['vaae1is', 'vaale1is', 'vaae1', 'vaale1'])(
    '%s removes the entries of every size that cover it',
    (name) => {
      const cpu = smallMachine(ROOMY).cpus[0]!;
      const { tlb } = cpu;
      const va = KERNEL + 5 * PAGE;
      for (const shift of SHIFTS) put(tlb, va, shift);
      for (const shift of SHIFTS) put(tlb, KERNEL + 2 ** 40, shift);
      invalidate(cpu, name, encodeVaOperand(va));
      expect(lookup(tlb, va, 0)).toBe(MISS);
      expect(lookup(tlb, KERNEL + 2 ** 40, 0)).toBe(SEVERAL);
      expect(tlb.matchCount).toBe(SHIFTS.length);
    },
  );

  it('with one page of a block removes the block, and leaves its neighbours', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const block of [0, 1, 2]) put(cpu.tlb, KERNEL + block * MIB2, 21);
    invalidate(cpu, 'vaale1is', encodeVaOperand(KERNEL + MIB2 + 77 * PAGE));
    expect([0, 1, 2].map((block) => lookup(cpu.tlb, KERNEL + block * MIB2, 0) === MISS)).toEqual([false, true, false]);
  });

  it('with a level keeps to leaves of that level', () => {
    for (const ttl of [1, 2, 3]) {
      const cpu = smallMachine(ROOMY).cpus[0]!;
      for (const shift of SHIFTS) put(cpu.tlb, KERNEL, shift);
      invalidate(cpu, 'vaale1is', encodeVaOperand(KERNEL, 0, ttl, GRANULE_4K));
      const left = leavesOf(cpu.tlb).map(({ sizeShift }) => sizeShift);
      expect(left.sort()).toEqual(SHIFTS.filter((shift) => LEVELS[shift] !== ttl));
    }
  });

  it('of an ASID removes its entries and the global ones, and no others', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    put(cpu.tlb, 0, 12, 5);
    put(cpu.tlb, 0, 12, 6);
    put(cpu.tlb, 0, 21);
    invalidate(cpu, 'vae1is', encodeVaOperand(0, 5));
    expect(leavesOf(cpu.tlb).map(({ asid }) => asid)).toEqual([6]);
  });
});

describe('a TLBI by ASID', () => {
  it('removes every entry of that ASID wherever it is, and no global one', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const va of [0, 2 ** 30, KERNEL]) for (const asid of [5, 6, GLOBAL]) put(cpu.tlb, va, 12, asid);
    invalidate(cpu, 'aside1is', 5n << 48n);
    expect(
      leavesOf(cpu.tlb)
        .map(({ asid }) => asid)
        .sort(),
    ).toEqual([GLOBAL, GLOBAL, GLOBAL, 6, 6, 6]);
  });
});

describe('a TLBI by range', () => {
  it.each([
    ['the smallest', 0, 0, 2],
    ['one of 64 pages', 31, 0, 64],
    ['one of 2048 pages', 31, 1, 2048],
  ])('%s removes exactly its pages', (_, NUM, SCALE, pages) => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    const inside = [0, 1, pages - 1];
    const outside = [-1, pages, pages + 1];
    for (const page of [...new Set([...inside, ...outside])]) put(cpu.tlb, KERNEL + (page + 8) * PAGE, 12);
    invalidate(cpu, 'rvaale1is', encodeRangeOperand(KERNEL + 8 * PAGE, NUM, SCALE, GRANULE_4K));
    const hit = (page: number): boolean => lookup(cpu.tlb, KERNEL + (page + 8) * PAGE, 0) !== MISS;
    expect(inside.map(hit)).toEqual([false, false, false]);
    expect(outside.map(hit)).toEqual([true, true, true]);
  });
});

describe('a TLBI by a range that begins inside one entry and ends inside the next', () => {
  it('removes both', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const run of [0, 1, 2]) put(cpu.tlb, KERNEL + run * 16 * PAGE, 16);
    invalidate(cpu, 'rvaale1is', encodeRangeOperand(KERNEL + 15 * PAGE, 7, 0, GRANULE_4K));
    expect(leavesOf(cpu.tlb).map(({ va }) => va)).toEqual([KERNEL + 32 * PAGE]);
  });
});

describe('a local TLBI', () => {
  it('acts on its own CPU by the next DSB NSH at the latest, and on no other', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 } });
    for (const cpu of cpus) put(cpu.tlb, KERNEL, 12);
    run(tlbi(cpus[0]!, 'vmalle1'));
    expect(lookup(cpus[0]!.tlb, KERNEL, 0)).not.toBe(MISS);
    run(dsb(cpus[0]!, 'nsh'));
    catchUp(cpus[1]!);
    expect(cpus.map((cpu) => lookup(cpu.tlb, KERNEL, 0) === MISS)).toEqual([true, false]);
  });

  it('may act at once', () => {
    const { cpus } = smallMachine(ROOMY);
    put(cpus[0]!.tlb, KERNEL, 12);
    run(tlbi(cpus[0]!, 'vaale1', encodeVaOperand(KERNEL)));
    expect(lookup(cpus[0]!.tlb, KERNEL, 0)).toBe(MISS);
  });
});

describe('the log', () => {
  it('is applied in part when a completion asks for it, and in whole when the hardware likes', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 } });
    const [a, b] = cpus as [Cpu, Cpu];
    put(b.tlb, KERNEL, 12);
    put(b.tlb, KERNEL + PAGE, 12);
    invalidate(a, 'vaale1is', encodeVaOperand(KERNEL));
    run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL + PAGE)));
    expect(overtaken(b)).toBe(true);
    catchUp(b);
    expect([overtaken(b), isBehind(b)]).toEqual([false, true]);
    expect([0, 1].map((page) => lookup(b.tlb, KERNEL + page * PAGE, 0) === MISS)).toEqual([true, false]);
    applyUpTo(b, issued(b.dvm));
    expect([isBehind(b), lookup(b.tlb, KERNEL + PAGE, 0)]).toEqual([false, MISS]);
  });

  it('that ran past a CPU costs it everything it had, and no more than that', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 }, dvmLogRecords: 8 });
    const [a, b] = cpus as [Cpu, Cpu];
    for (const count of [8, 9]) {
      put(b.tlb, KERNEL, 12);
      for (let i = 0; i < count; i++) run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL + 2 ** 40)));
      run(dsb(a, 'ish'));
      catchUp(b);
      expect(lookup(b.tlb, KERNEL, 0) === MISS).toBe(count === 9);
      expect(b.words[CPU_APPLIED]).toBe(issued(b.dvm));
    }
  });
});

describe('an announcement', () => {
  it('withdraws the entries whose descriptor has been replaced, removes none, and is no TLBI', () => {
    const machine = smallMachine(ROOMY);
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, newData(machine.memory, 1n));
    map(machine, KERNEL + PAGE, newData(machine.memory, 1n));
    for (const page of [0, 1]) translate(cpu, KERNEL + page * PAGE, 1);
    exchange(machine.memory, entry, 0n);
    const applied = cpu.counts[TLBIS_APPLIED];
    announce(cpu, 'gone', KERNEL, KERNEL + 2 * PAGE);
    applyUpTo(cpu, issued(cpu.dvm));
    const flags = [0, 1].map((page) => flagsOf(cpu.tlb, lookup(cpu.tlb, KERNEL + page * PAGE, 0)) & FLAG_WITHDRAWN);
    expect(flags).toEqual([FLAG_WITHDRAWN, 0]);
    expect(cpu.counts[TLBIS_APPLIED]).toBe(applied);
  });

  it('is told to the observer when such an entry is used', () => {
    const used: number[] = [];
    const machine = smallMachine({ observer: { withdrawnUse: (_cpu, va) => used.push(va) } });
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, newData(machine.memory, 1n));
    translate(cpu, KERNEL, 1);
    issue(cpu.dvm, 0, TLBI_AUDIT, KERNEL, KERNEL + PAGE, 0);
    translate(cpu, KERNEL, 1);
    expect(used).toEqual([]);
    exchange(machine.memory, entry, 0n);
    issue(cpu.dvm, 0, TLBI_AUDIT, KERNEL, KERNEL + PAGE, 0);
    translate(cpu, KERNEL + 8, 1);
    expect(used).toEqual([KERNEL + 8]);
    expect(cpu.words[CPU_HAZARD]! & 1).toBe(0);
  });
});
