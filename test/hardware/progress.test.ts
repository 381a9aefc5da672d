import { describe, expect, it } from 'vitest';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { FIXMAP } from '../../src/hardware/access.ts';
import { dsb, isb } from '../../src/hardware/barrier.ts';
import { branchTo } from '../../src/hardware/branch.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { CPU_PROGRESS } from '../../src/hardware/dvm.ts';
import { sendIpi } from '../../src/hardware/ipi.ts';
import { compareAndSwap, load, loadAdd, store } from '../../src/hardware/load-store.ts';
import { mark } from '../../src/hardware/milestone.ts';
import type { Op } from '../../src/hardware/op.ts';
import { WORDS_OF_A_SPIN } from '../../src/hardware/progress.ts';
import { cpuOf } from '../../src/hardware/system.ts';
import { msr } from '../../src/hardware/system-register.ts';
import { fillTable, storeRun } from '../../src/hardware/table-fill.ts';
import { tlbi } from '../../src/hardware/tlbi.ts';
import { waitForWord } from '../../src/hardware/wait.ts';
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

/** How often the CPU gets somewhere in `rounds` rounds, once it has done as many before. */
function advances(rounds: number, round: (given: ReturnType<typeof running>, i: number) => void): number {
  const given = running();
  for (let i = 0; i < rounds; i++) round(given, i);
  const before = given.cpu.words[CPU_PROGRESS]!;
  for (let i = rounds; i < 2 * rounds; i++) round(given, i);
  return given.cpu.words[CPU_PROGRESS]! - before;
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
