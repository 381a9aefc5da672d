import { describe, expect, it } from 'vitest';
import { TABLE_STORES } from '../../../src/hardware/counters.ts';
import { type Cpu, resetCpu } from '../../../src/hardware/cpu.ts';
import { type Barrier, dsb } from '../../../src/hardware/instruction/barrier.ts';
import { compareAndSwap, load, store } from '../../../src/hardware/instruction/load-store.ts';
import { storeRun } from '../../../src/hardware/instruction/table-fill.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { fillWords, forwardedByRun, overlaps, type StoreRun } from '../../../src/hardware/store-buffer/store-run.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { FIXMAP, walkAndFill } from '../../../src/hardware/translation/access.ts';
import {
  type Chances,
  entryOf,
  everyChance,
  KERNEL,
  leaf,
  MIB2,
  PAGE,
  run,
  type SmallMachine,
  smallMachine,
} from '../small-machine.ts';

const FIRST = leaf(0x4020_0000, 3);
const value = (i: number): bigint => FIRST + BigInt(i * PAGE);

interface Told {
  readonly pa: number;
  readonly before: bigint;
  readonly after: bigint;
}

/** A linked table for KERNEL, and who was told of what became visible in it. */
function machineWithTable(chances: Chances = {}): {
  machine: SmallMachine;
  cpu: Cpu;
  other: Cpu;
  table: number;
  told: Told[];
} {
  const told: Told[] = [];
  const machine = smallMachine({
    chances,
    observer: { tableWordVisible: (_cpu, pa, before, after) => told.push({ pa, before, after }) },
  });
  const [cpu, other] = machine.cpus as [Cpu, Cpu];
  const table = entryOf(machine.memory, machine.root, KERNEL, 3);
  return { machine, cpu, other, table, told };
}

/** A run behind a barrier. */
function machineWithTableAnd(barrier: Barrier): ReturnType<typeof machineWithTable> {
  const found = machineWithTable();
  run(storeRun(found.cpu, FIXMAP + found.table + 8, 4, FIRST, PAGE));
  run(dsb(found.cpu, barrier));
  return found;
}

const translates = (cpu: Cpu, va: number): boolean => walkAndFill(cpu, cpu.regime1!, va, 0) >= 0;

describe('a run of first-time entries', () => {
  it('is seen by loads of its own CPU, and by no other CPU and no walk', () => {
    const { cpu, other, table } = machineWithTable();
    run(storeRun(cpu, FIXMAP + table + 8, 4, FIRST, PAGE));
    for (const i of [0, 3]) expect(run(load(cpu, FIXMAP + table + 8 * (i + 1)))).toBe(value(i));
    for (const i of [-1, 4]) expect(run(load(cpu, FIXMAP + table + 8 * (i + 1)))).toBe(0n);
    expect(run(load(other, FIXMAP + table + 8))).toBe(0n);
    for (const each of [cpu, other]) expect(translates(each, KERNEL + PAGE)).toBe(false);
  });

  it.each<Barrier>(['nsh', 'nshst'])('is visible to its own walker after DSB %s', (barrier) => {
    const { cpu, other } = machineWithTableAnd(barrier);
    expect([other, cpu].map((each) => translates(each, KERNEL + 4 * PAGE))).toEqual([false, true]);
  });

  it.each<Barrier>(['ish', 'ishst'])('is visible after DSB %s', (barrier) => {
    const { machine, cpu, other, table } = machineWithTable();
    run(storeRun(cpu, FIXMAP + table + 8, 4, FIRST, PAGE));
    run(dsb(cpu, barrier));
    const words = [0, 1, 4, 5].map((i) => read(machine.memory, table + 8 * i));
    expect(words).toEqual([0n, value(0), value(3), 0n]);
    for (const each of [cpu, other]) expect(translates(each, KERNEL + 4 * PAGE)).toBe(true);
    expect(cpu.runs).toEqual([]);
  });

  it('may show at any time, a DSB or not', () => {
    const shown = everyChance((choose) => {
      const machine = smallMachine({ choose });
      const table = entryOf(machine.memory, machine.root, KERNEL, 3);
      run(storeRun(machine.cpus[0]!, FIXMAP + table, 2, FIRST, PAGE));
      return read(machine.memory, table);
    });
    expect(shown).toEqual(new Set([0n, value(0)]));
  });

  it('leaves before or after a single store, as the hardware likes', () => {
    const orders = everyChance((choose) => {
      const shown: number[] = [];
      const machine = smallMachine({ choose, observer: { tableWordVisible: (_cpu, pa) => shown.push(pa) } });
      const [cpu, other] = machine.cpus as [Cpu, Cpu];
      other.words[CPU_POWER] = 1;
      const table = entryOf(machine.memory, machine.root, KERNEL, 3);
      run(storeRun(cpu, FIXMAP + table, 2, FIRST, PAGE));
      run(store(cpu, FIXMAP + table + 512, value(64)));
      run(dsb(cpu, 'ishst'));
      return shown.map((pa) => (pa - table) / 8).join();
    });
    expect(orders).toEqual(new Set(['0,1,64', '64,0,1']));
  });

  it('counts as one of the buffered stores, and makes room by showing', () => {
    const { machine, cpu, table } = machineWithTable();
    for (let i = 0; i < 7; i++) run(store(cpu, FIXMAP + table + 8 * i, value(i)));
    run(storeRun(cpu, FIXMAP + table + 8 * 8, 3, FIRST, PAGE));
    expect(read(machine.memory, table)).toBe(0n);
    run(storeRun(cpu, FIXMAP + table + 8 * 16, 3, FIRST, PAGE));
    expect(read(machine.memory, table)).toBe(value(0));
    expect(cpu.stores.count[0]! + cpu.runs.length).toBe(8);
  });

  it('is visible before a compare-and-swap of the same CPU is', () => {
    const { cpu, machine, table } = machineWithTable();
    run(storeRun(cpu, FIXMAP + table, 2, FIRST, PAGE));
    expect(run(compareAndSwap(cpu, FIXMAP + table + 8, value(1), 0n))).toBe(value(1));
    expect([0, 1].map((i) => read(machine.memory, table + 8 * i))).toEqual([value(0), 0n]);
  });

  it('is lost with its CPU’s power, as all that is buffered', () => {
    const { machine, cpu, table } = machineWithTable();
    run(storeRun(cpu, FIXMAP + table, 2, FIRST, PAGE));
    resetCpu(cpu);
    run(dsb(cpu, 'ishst'));
    expect(read(machine.memory, table)).toBe(0n);
  });

  it('stays in order with the stores to its words, before it and after it', () => {
    const { machine, cpu, table } = machineWithTable();
    run(store(cpu, FIXMAP + table + 8, 0x10n)); // invalid, so the run may overwrite it
    run(storeRun(cpu, FIXMAP + table, 2, FIRST, PAGE));
    run(store(cpu, FIXMAP + table, 0n));
    expect([0, 1].map((i) => run(load(cpu, FIXMAP + table + 8 * i)))).toEqual([0n, value(1)]);
    run(dsb(cpu, 'ishst'));
    expect([0, 1].map((i) => read(machine.memory, table + 8 * i))).toEqual([0n, value(1)]);
  });

  it('is refused over what is valid, buffered or not, and where it would link tables', () => {
    const { cpu, table } = machineWithTable();
    run(store(cpu, FIXMAP + table + 8, value(0)));
    expect(() => run(storeRun(cpu, FIXMAP + table, 2, FIRST, PAGE))).toThrow('valid entry');
    run(storeRun(cpu, FIXMAP + table + 16, 2, FIRST, PAGE));
    expect(() => run(storeRun(cpu, FIXMAP + table + 24, 2, FIRST, PAGE))).toThrow('valid entry');
    const { cpu: boot, machine } = machineWithTable();
    expect(() => run(storeRun(boot, FIXMAP + machine.root, 2, 0x4020_0003n, PAGE))).toThrow('of tables');
    run(storeRun(boot, FIXMAP + entryOf(machine.memory, machine.root, KERNEL + MIB2, 2), 2, leaf(MIB2, 2), MIB2));
  });
});

describe('who watches', () => {
  const visible = (table: number, count: number): Told[] =>
    Array.from({ length: count }, (_, i) => ({ pa: table + 8 * i, before: 0n, after: value(i) }));

  /** One run, and whatever went before. */
  function toldAfter(prepare: (given: ReturnType<typeof machineWithTable>) => void): { told: Told[]; table: number } {
    const given = machineWithTable();
    prepare(given);
    given.told.length = 0;
    const counted = given.cpu.counts[TABLE_STORES]!;
    run(storeRun(given.cpu, FIXMAP + given.table, 3, FIRST, PAGE));
    run(dsb(given.cpu, 'ishst'));
    expect(given.cpu.counts[TABLE_STORES]).toBe(counted + 3);
    return given;
  }

  it('is told of each word where another CPU has power', () => {
    const { told, table } = toldAfter(({ other }) => {
      other.words[CPU_POWER] = 1;
    });
    expect(told).toEqual(visible(table, 3));
  });

  it('is told of each word once any live entry has changed', () => {
    const { told, table } = toldAfter(({ machine, cpu }) => {
      const entry = entryOf(machine.memory, machine.root, KERNEL, 0);
      run(store(cpu, FIXMAP + entry, 0n));
      run(dsb(cpu, 'ishst'));
    });
    expect(told).toEqual(visible(table, 3));
  });

  it('is spared what the boot CPU maps first of all, alone: nothing can be said against it', () => {
    expect(toldAfter(() => {}).told).toEqual([]);
  });
});

describe('the words of a run', () => {
  it('carry into the high half', () => {
    const halves = new Uint32Array(8);
    fillWords(new Int32Array(halves.buffer), 2, 3, 0x1_ffff_f003n, 2 ** 32 + 4096);
    expect([...halves]).toEqual([0, 0, 0xffff_f003, 1, 3, 3, 0x1003, 4]);
    const words: StoreRun = { pa: 64, count: 3, first: 0x1_ffff_f003n, stepBytes: 2 ** 32 + 4096 };
    expect([64, 72, 80].map((pa) => forwardedByRun([words], pa))).toEqual([
      0x1_ffff_f003n,
      0x3_0000_0003n,
      0x4_0000_1003n,
    ]);
  });

  it('end where the run ends', () => {
    const words: StoreRun = { pa: 64, count: 3, first: 1n, stepBytes: 8 };
    expect([56, 64, 80, 88].map((pa) => overlaps(words, pa, pa + 8))).toEqual([false, true, true, false]);
    expect([56, 88].map((pa) => forwardedByRun([words], pa))).toEqual([undefined, undefined]);
  });
});
