import { describe, expect, it } from 'vitest';
import { faultCode } from '../../src/arch/fault.ts';
import { GRANULE_4K } from '../../src/arch/granule.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { FIXMAP } from '../../src/hardware/access.ts';
import { DSBS, FAULTS, ISBS, TLBIS } from '../../src/hardware/counters.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { CPU_HAZARD, type DvmRecord } from '../../src/hardware/dvm.ts';
import {
  branchTo,
  clearPage,
  compareAndSwap,
  dsb,
  fillTable,
  fillWords,
  halt,
  isb,
  load,
  loadAdd,
  loadExclusive,
  relaxWhile,
  sevl,
  store,
  storeRun,
  tlbi,
  wfe,
} from '../../src/hardware/instructions.ts';
import { exchange, read } from '../../src/hardware/memory.ts';
import type { Op, PointKind } from '../../src/hardware/op.ts';
import { cpuOf } from '../../src/hardware/system.ts';
import { tail } from '../../src/hardware/trace.ts';
import { KERNEL, leaf, map, newData, newTable, PAGE, run, Stopped, smallMachine } from './small-machine.ts';

function pointOf<T>(op: Op<T>): Stopped['point'] {
  try {
    run(op);
  } catch (stopped) {
    if (stopped instanceof Stopped) return stopped.point;
    throw stopped;
  }
  throw new Error('nothing stopped it');
}

/** A page of data at KERNEL that both CPUs can reach. */
function shared(value: bigint): { a: Cpu; b: Cpu; page: number } {
  const machine = smallMachine();
  const page = newData(machine.memory, value);
  map(machine, KERNEL, page);
  const [a, b] = machine.cpus as [Cpu, Cpu];
  return { a, b, page };
}

describe('loads, stores and atomics', () => {
  it('go through translation to one memory', () => {
    const { a, b, page } = shared(5n);
    run(store(a, KERNEL + 8, 7n));
    expect([run(load(b, KERNEL)), run(load(b, KERNEL + 8)), read(a.memory, page + 8)]).toEqual([5n, 7n, 7n]);
    expect(run(loadAdd(b, KERNEL, 3n))).toBe(5n);
    expect(run(compareAndSwap(a, KERNEL, 5n, 1n))).toBe(8n);
    expect(run(compareAndSwap(a, KERNEL, 8n, 1n))).toBe(8n);
    expect(run(load(b, KERNEL))).toBe(1n);
  });

  it('leave no hazard behind', () => {
    const { a } = shared(0n);
    run(store(a, KERNEL, 1n));
    run(loadAdd(a, KERNEL, 1n));
    run(compareAndSwap(a, KERNEL, 2n, 3n));
    run(clearPage(a, FIXMAP + newTable(a.memory)));
    expect(a.words[CPU_HAZARD]! & 1).toBe(0);
  });

  it('that fault stop the CPU for good, and say where and why', () => {
    const faults: unknown[] = [];
    const machine = smallMachine({ observer: { faultTaken: (cpu, va, code) => faults.push([cpu.id, va, code]) } });
    map(machine, KERNEL, newData(machine.memory, 0n), 3, { AP: 2 });
    const cpu = machine.cpus[0]!;
    expect(pointOf(store(cpu, KERNEL, 1n)).kind).toBe('halt');
    expect(pointOf(load(cpu, KERNEL + PAGE)).kind).toBe('halt');
    expect(pointOf(branchTo(cpu, KERNEL)).kind).toBe('halt');
    expect(faults).toEqual([
      [0, KERNEL, faultCode('permission', 3)],
      [0, KERNEL + PAGE, faultCode('translation', 3)],
      [0, KERNEL, faultCode('permission', 3)],
    ]);
    expect(cpu.counts[FAULTS]).toBe(3);
  });

  it('respect PAN', () => {
    const machine = smallMachine();
    map(machine, KERNEL, newData(machine.memory, 4n), 3, { AP: 1 });
    const cpu = machine.cpus[0]!;
    expect(run(load(cpu, KERNEL))).toBe(4n);
    cpu.pan = true;
    expect(pointOf(load(cpu, KERNEL)).kind).toBe('halt');
  });
});

describe('WFE', () => {
  it('returns at once after SEVL, and only once', () => {
    const { a } = shared(0n);
    run(loadExclusive(a, KERNEL));
    sevl(a);
    run(wfe(a, 'test'));
    expect(pointOf(wfe(a, 'test'))).toMatchObject({ kind: 'wait', reason: 'test' });
  });

  it.each<[string, (cpu: Cpu) => void]>([
    ['a store', (cpu) => run(store(cpu, KERNEL, 6n))],
    ['an atomic add', (cpu) => void run(loadAdd(cpu, KERNEL, 1n))],
    ['a compare-and-swap', (cpu) => void run(compareAndSwap(cpu, KERNEL, 5n, 6n))],
  ])('wakes on %s of another CPU to the word its load-exclusive armed', async (_, change) => {
    const { a, b } = shared(5n);
    expect(run(loadExclusive(a, KERNEL))).toBe(5n);
    const { word, expected } = pointOf(wfe(a, 'test'));
    expect(a.memory.int32[word]).toBe(expected);
    const woken = Atomics.waitAsync(a.memory.int32, word, expected, 5000);
    change(b);
    expect(a.memory.int32[word]).not.toBe(expected);
    expect(await woken.value).toBe('ok');
  });

  it('sleeps on through stores to other words', () => {
    const { a, b } = shared(5n);
    run(loadExclusive(a, KERNEL));
    const { word, expected } = pointOf(wfe(a, 'test'));
    run(store(b, KERNEL + 8, 6n));
    expect(a.memory.int32[word]).toBe(expected);
  });

  it('has a polite spin beside it that names the word it spins on', () => {
    const { a } = shared(5n);
    const { word, expected, address } = pointOf(relaxWhile(a, KERNEL, 5n, 'test'));
    expect([a.memory.int32[word], expected, address]).toEqual([5, 5, KERNEL]);
  });
});

describe('table pages', () => {
  it('are filled as one step, over the 4 GiB boundary too', () => {
    const { a } = shared(0n);
    const table = newTable(a.memory);
    const first = leaf(0xffff_e000, 3);
    run(fillTable(a, FIXMAP + table, first, PAGE));
    for (const i of [0, 1, 2, 511]) expect(read(a.memory, table + 8 * i)).toBe(first + BigInt(i * PAGE));
  });

  it('are cleared as one step', () => {
    const { a } = shared(0n);
    const table = newTable(a.memory);
    exchange(a.memory, table + PAGE - 8, 1n);
    run(clearPage(a, FIXMAP + table));
    expect(read(a.memory, table + PAGE - 8)).toBe(0n);
  });

  it('take runs of first-time entries, and refuse one over a valid entry', () => {
    const { a } = shared(0n);
    const table = newTable(a.memory);
    const first = leaf(0x4020_0000, 3);
    run(storeRun(a, FIXMAP + table + 8, 4, first, PAGE));
    expect([0, 1, 4, 5].map((i) => read(a.memory, table + 8 * i))).toEqual([0n, first, first + 3n * 4096n, 0n]);
    expect(() => run(storeRun(a, FIXMAP + table, 2, first, PAGE))).toThrow('valid entry');
  });

  it('fillWords carries into the high half', () => {
    const halves = new Uint32Array(8);
    fillWords(halves, 2, 3, 0x1_ffff_f003n, 2 ** 32 + 4096);
    expect([...halves]).toEqual([0, 0, 0xffff_f003, 1, 3, 3, 0x1003, 4]);
  });
});

describe('TLBI and barriers', () => {
  it('tell the observer what was issued and, once each, what a DSB completed', () => {
    const told: string[] = [];
    const say = (what: string, records: readonly DvmRecord[]): void => {
      told.push(`${what} ${records.map(({ start, end }) => (end - start) / PAGE).join()}`);
    };
    const machine = smallMachine({
      observer: {
        tlbiIssued: (_cpu, record) => say('issued', [record]),
        tlbisCompleted: (_cpu, records, broadcast) => say(broadcast ? 'everywhere' : 'here', records),
      },
    });
    const cpu = machine.cpus[0]!;
    run(tlbi(cpu, 'vaale1is', encodeVaOperand(KERNEL)));
    run(tlbi(cpu, 'rvaale1is', encodeRangeOperand(KERNEL, 3, 0, GRANULE_4K)));
    run(tlbi(cpu, 'vaale1', encodeVaOperand(KERNEL)));
    run(dsb(cpu, 'nsh'));
    run(dsb(cpu, 'ishst'));
    run(dsb(cpu, 'ish'));
    run(dsb(cpu, 'ish'));
    expect(told).toEqual(['issued 1', 'issued 8', 'issued 1', 'here 1', 'everywhere 1,8']);
    expect([cpu.counts[TLBIS], cpu.counts[DSBS]]).toEqual([3, 4]);
  });

  it('leave a trace in one order', () => {
    const { a } = shared(0n);
    run(store(a, KERNEL, 1n));
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    run(isb(a));
    const records = tail(a.trace, 0, 10);
    expect(records.map(({ kind }) => kind)).toEqual(['store', 'tlbi', 'dsb', 'isb']);
    expect(records.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    expect([records[0]!.address, records[0]!.value, a.counts[ISBS]]).toEqual([KERNEL, 1n, 1]);
    expect(tail(a.trace, 0, 2).map(({ kind }) => kind)).toEqual(['dsb', 'isb']);
  });
});

describe('points', () => {
  it('come before each instruction under a scheduler, and say what is about to happen', () => {
    const machine = smallMachine();
    const page = newData(machine.memory, 0n);
    const cpu = cpuOf(machine, 0, { choose: () => 0, controlled: true });
    const points: (readonly [PointKind, number])[] = [];
    const op = (function* (): Op {
      yield* store(cpu, FIXMAP + page, 1n);
      yield* load(cpu, FIXMAP + page);
      yield* tlbi(cpu, 'vmalle1is');
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    })();
    for (let step = op.next(); !step.done; step = op.next()) {
      if (points.length === 0) expect(read(machine.memory, page)).toBe(0n);
      points.push([step.value.kind, step.value.address]);
    }
    expect(points).toEqual([
      ['store', FIXMAP + page],
      ['load', FIXMAP + page],
      ['tlbi', 0],
      ['dsb', 0],
      ['isb', 0],
    ]);
  });

  it('of a halted CPU never end', () => {
    const { a } = shared(0n);
    const op = halt(a, 'panic');
    for (let i = 0; i < 3; i++) expect(op.next().value).toMatchObject({ kind: 'halt', reason: 'panic' });
  });
});
