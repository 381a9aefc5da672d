import { describe, expect, it } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { storeRun } from '../../../src/hardware/instruction/table-fill.ts';
import { skipInvalid } from '../../../src/hardware/instruction/table-scan.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { leaf, newTable, run, smallMachine } from '../small-machine.ts';

const VALID = leaf(0x4020_0000, 3);

/** What skipInvalid answers from entry `first` on, and what loads one by one say. */
function scan(cpu: Cpu, table: number, first: number, count: number): [number, number] {
  let byLoads = 0;
  while (byLoads < count && (run(load(cpu, FIXMAP + table + 8 * (first + byLoads))) & 1n) === 0n) byLoads++;
  return [run(skipInvalid(cpu, FIXMAP + table + 8 * first, count)), byLoads];
}

describe('a scan for the first valid entry', () => {
  it('finds it in memory, and says so when there is none', () => {
    const { memory, cpus } = smallMachine();
    const table = newTable(memory);
    run(store(cpus[0]!, FIXMAP + table + 8 * 100, VALID));
    run(dsb(cpus[0]!, 'ish'));
    for (const cpu of cpus) {
      expect(scan(cpu, table, 0, 512)).toEqual([100, 100]);
      expect(scan(cpu, table, 100, 10)).toEqual([0, 0]);
      expect(scan(cpu, table, 101, 411)).toEqual([411, 411]);
      expect(scan(cpu, table, 3, 20)).toEqual([20, 20]);
    }
  });

  it("sees the CPU's own buffered stores, and nobody else's", () => {
    const { memory, cpus } = smallMachine();
    const [a, b] = cpus as [Cpu, Cpu];
    const table = newTable(memory);
    run(store(a, FIXMAP + table + 8 * 7, VALID));
    expect(scan(a, table, 0, 512)).toEqual([7, 7]);
    expect(scan(b, table, 0, 512)).toEqual([512, 512]);
    run(dsb(a, 'ish'));
    run(store(a, FIXMAP + table + 8 * 7, 0n));
    expect(scan(a, table, 0, 512)).toEqual([512, 512]);
    expect(scan(b, table, 0, 512)).toEqual([7, 7]);
    run(storeRun(b, FIXMAP + table + 8 * 200, 4, VALID, 4096));
    expect(scan(b, table, 8, 504)).toEqual([192, 192]);
    expect(scan(a, table, 8, 504)).toEqual([504, 504]);
  });
});
