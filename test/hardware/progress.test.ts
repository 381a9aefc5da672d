import { describe, expect, it } from 'vitest';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { branchTo } from '../../src/hardware/instruction/branch.ts';
import { sendIpi } from '../../src/hardware/instruction/ipi.ts';
import { compareAndSwap, load, loadAdd, store } from '../../src/hardware/instruction/load-store.ts';
import { mark } from '../../src/hardware/instruction/milestone.ts';
import { msr } from '../../src/hardware/instruction/system-register.ts';
import { fillTable, storeRun } from '../../src/hardware/instruction/table-fill.ts';
import { waitForWord } from '../../src/hardware/instruction/wait.ts';
import type { Op } from '../../src/hardware/op.ts';
import { CPU_NEWS, lastTouched, newProgress, sample, WORDS_OF_A_SPIN } from '../../src/hardware/progress.ts';
import { cpuOf } from '../../src/hardware/system.ts';
import { CPU_PROGRESS } from '../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { KERNEL, map, newData, PAGE, run, type SmallMachine, smallMachine } from './small-machine.ts';

/** A CPU as on threads: it takes breath every 24 instructions on average. RAM from KERNEL on is mapped, 400 pages of it. */
function running(): { cpu: Cpu; machine: SmallMachine } {
  const machine = smallMachine();
  const page = newData(machine.memory, 5n);
  for (let i = 0; i < 400; i++) map(machine, KERNEL + i * PAGE, page);
  const chance = seededChooser(7);
  const cpu = cpuOf(machine, 0, {
    choose: () => 0,
    controlled: false,
    breathe: (self) => {
      self.credit = chance(48, 'noise');
    },
  });
  cpu.sysregs = machine.cpus[0]!.sysregs;
  cpu.regime1 = machine.cpus[0]!.regime1;
  cpu.mmuOn = true;
  return { cpu, machine };
}

/** By how much the CPU's word counts up in `rounds` rounds, once it has done as many before. */
function counted(word: number, rounds: number, round: (given: ReturnType<typeof running>, i: number) => void): number {
  const given = running();
  for (let i = 0; i < rounds; i++) round(given, i);
  const before = given.cpu.words[word]!;
  for (let i = rounds; i < 2 * rounds; i++) round(given, i);
  return given.cpu.words[word]! - before;
}

/** How often the CPU gets somewhere. */
function advances(rounds: number, round: (given: ReturnType<typeof running>, i: number) => void): number {
  return counted(CPU_PROGRESS, rounds, round);
}

const MANY = 10_000;

describe('a CPU gets nowhere', () => {
  it.each<[what: string, round: (cpu: Cpu, i: number) => void]>([
    ['reads of one word', (cpu) => void run(load(cpu, KERNEL))],
    [
      'reads of one word with barriers between',
      (cpu) => {
        run(load(cpu, KERNEL));
        run(dsb(cpu, 'ish'));
        run(isb(cpu));
      },
    ],
    ['a table walk in software, again and again', (cpu, i) => void run(load(cpu, KERNEL + (i % 4) * PAGE))],
    [
      'reads of as many words as a spin may have',
      (cpu, i) => void run(load(cpu, KERNEL + (i % WORDS_OF_A_SPIN) * PAGE)),
    ],
    ['a lock that somebody keeps', (cpu) => void run(compareAndSwap(cpu, KERNEL, 0n, 1n))],
    ['waits for what is there already', (cpu) => void waitForWord(cpu, 0, 1, 'nothing').next()],
  ])('by %s', (_, round) => {
    expect(advances(MANY, ({ cpu }, i) => round(cpu, i))).toBe(0);
  });
});

describe('a CPU gets somewhere', () => {
  it('by reads all over a large memory, with every look that is taken', () => {
    const advanced = advances(MANY, ({ cpu }, i) => void run(load(cpu, KERNEL + (i % 400) * PAGE)));
    expect(advanced).toBeGreaterThan(MANY / 48);
  });

  /** Once in 1000 rounds it does this; in all others it reads one word. */
  it.each<[what: string, op: (cpu: Cpu, machine: SmallMachine) => Op<unknown>]>([
    ['a store', (cpu) => store(cpu, KERNEL, 5n)],
    ['an atomic add', (cpu) => loadAdd(cpu, KERNEL, 1n)],
    ['a TLBI', (cpu) => tlbi(cpu, 'vaae1is', encodeVaOperand(KERNEL))],
    ['a system register', (cpu) => msr(cpu, 'SCTLR_EL1', 1n)],
    ['an interrupt that it sends', (cpu) => sendIpi(cpu, 1, 1)],
    ['a table that it fills', (cpu, { memory }) => fillTable(cpu, FIXMAP + memory.poolPa, 0n, 0)],
    ['entries that it makes', (cpu, { memory }) => storeRun(cpu, FIXMAP + memory.poolPa, 2, 0n, 0)],
  ])('by %s, however rare', (_, op) => {
    const advanced = advances(MANY, ({ cpu, machine }, i) => {
      run(i % 1000 === 999 ? op(cpu, machine) : load(cpu, KERNEL));
      cpu.ownBroadcast.length = 0;
    });
    expect(advanced).toBe(MANY / 1000);
  });

  it('by a lock that it gets, and by a milestone', () => {
    const { cpu } = running();
    cpu.credit = 100; // nothing is looked at
    const before = cpu.words[CPU_PROGRESS]!;
    run(compareAndSwap(cpu, KERNEL, 5n, 6n));
    expect(cpu.words[CPU_PROGRESS]).toBe(before + 1);
    mark(cpu, 0);
    expect(cpu.words[CPU_PROGRESS]).toBe(before + 2);
  });

  it('by code that it has not executed lately, and not by code that it has', () => {
    const code = smallMachine();
    for (let i = 0; i < 400; i++) map(code, KERNEL + i * PAGE, 0x4020_0000, 3, { PXN: 0, AP: 2 });
    const cpu = code.cpus[0]!;
    cpu.credit = 0;
    const before = cpu.words[CPU_PROGRESS]!;
    for (let i = 0; i < 100; i++) run(branchTo(cpu, KERNEL));
    expect(cpu.words[CPU_PROGRESS]! - before).toBe(1);
    for (let i = 1; i <= 100; i++) run(branchTo(cpu, KERNEL + i * PAGE));
    expect(cpu.words[CPU_PROGRESS]! - before).toBe(101);
  });
});

describe('a CPU has no news', () => {
  it.each<[what: string, round: (given: ReturnType<typeof running>, i: number) => void]>([
    ['reads of one word', ({ cpu }) => void run(load(cpu, KERNEL))],
    ['stores to one word', ({ cpu }, i) => void run(store(cpu, KERNEL, BigInt(i)))],
    ['additions to one word', ({ cpu }) => void run(loadAdd(cpu, KERNEL, 1n))],
    [
      'reads and stores of as many words as a spin may have',
      ({ cpu }, i) => {
        const va = KERNEL + (i % WORDS_OF_A_SPIN) * PAGE;
        run<unknown>(i % 3 === 0 ? store(cpu, va, 1n) : load(cpu, va));
      },
    ],
    [
      'TLBIs and registers',
      ({ cpu }) => {
        run(tlbi(cpu, 'vaae1is', encodeVaOperand(KERNEL)));
        run(msr(cpu, 'SCTLR_EL1', 1n));
        cpu.ownBroadcast.length = 0;
      },
    ],
    ['interrupts that it sends', ({ cpu }) => void run(sendIpi(cpu, 1, 1))],
  ])('by %s', (_, round) => {
    expect(counted(CPU_NEWS, MANY, round)).toBe(0);
  });
});

describe('a CPU has news', () => {
  it.each<[what: string, op: (given: ReturnType<typeof running>, i: number) => Op<unknown>]>([
    ['reads', ({ cpu }, i) => load(cpu, KERNEL + (i % 400) * PAGE)],
    ['stores', ({ cpu }, i) => store(cpu, KERNEL + (i % 400) * PAGE, 1n)],
    ['entries made', ({ cpu, machine }, i) => storeRun(cpu, FIXMAP + machine.memory.poolPa + (i % 400) * 8, 1, 0n, 0)],
  ])('by %s all over a large memory', (_, op) => {
    const rounds = 2000;
    expect(counted(CPU_NEWS, rounds, (given, i) => void run(op(given, i)))).toBeGreaterThan(rounds / 48);
  });
});

describe('what a CPU was last seen to touch', () => {
  it.each<[kind: string, address: number, op: (cpu: Cpu, address: number) => Op<unknown>]>([
    ['load', KERNEL + 8, (cpu, va) => load(cpu, va)],
    ['store', KERNEL + 16, (cpu, va) => store(cpu, va, 5n)],
    ['rmw', KERNEL + PAGE, (cpu, va) => loadAdd(cpu, va, 1n)],
    ['load', FIXMAP + 8, (cpu, va) => load(cpu, va)],
  ])('is a %s with its address', (kind, address, op) => {
    const { cpu } = running();
    expect(lastTouched(cpu.words)).toBeUndefined();
    cpu.credit = 0;
    run(op(cpu, address));
    expect(lastTouched(cpu.words)).toEqual({ kind, address });
    cpu.credit = 0;
    run(dsb(cpu, 'ish'));
    expect(lastTouched(cpu.words)).toEqual({ kind, address });
  });

  it.each([-(2 ** 48), -(2 ** 48) + 0x8000_1000, -8, 0, 0xffff_fff8, 2 ** 52 + 0x8_8000_0000])(
    'is at %d exactly',
    (at) => {
      const progress = newProgress(new Int32Array(32));
      sample(progress, 'fetch', at);
      expect(lastTouched(progress.words)).toEqual({ kind: 'fetch', address: at });
    },
  );
});
