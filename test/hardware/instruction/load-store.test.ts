import { describe, expect, it } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import { FAULTS } from '../../../src/hardware/counters.ts';
import { branchTo } from '../../../src/hardware/instruction/branch.ts';
import { compareAndSwap, load, loadAdd, store } from '../../../src/hardware/instruction/load-store.ts';
import { clearPage } from '../../../src/hardware/instruction/table-fill.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { CPU_HAZARD } from '../../../src/hardware/tlbi/dvm.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { KERNEL, map, newData, newTable, PAGE, pointOf, run, sharedPage, smallMachine } from '../small-machine.ts';

describe('loads, stores and atomics', () => {
  it('go through translation to one memory', () => {
    const { a, b, page } = sharedPage(5n);
    run(store(a, KERNEL + 8, 7n));
    expect([run(load(b, KERNEL)), run(load(b, KERNEL + 8)), read(a.memory, page + 8)]).toEqual([5n, 7n, 7n]);
    expect(run(loadAdd(b, KERNEL, 3n))).toBe(5n);
    expect(run(compareAndSwap(a, KERNEL, 5n, 1n))).toBe(8n);
    expect(run(compareAndSwap(a, KERNEL, 8n, 1n))).toBe(8n);
    expect(run(load(b, KERNEL))).toBe(1n);
  });

  it('leave no hazard behind', () => {
    const { a } = sharedPage(0n);
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
