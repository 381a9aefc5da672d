import { describe, expect, it } from 'vitest';
import { tableDescriptor } from '../../../src/arch/descriptor.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { WALK_CACHE_HITS } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { translate, walkAndFill } from '../../../src/hardware/translation/access.ts';
import { dropAll, lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import {
  cachedAsid,
  cachedBytes,
  cachedLevel,
  cachedLimits,
  dropAllTables,
  dropTable,
  holdsTable,
  lookupTable,
  putTable,
} from '../../../src/hardware/translation/walk-cache.ts';
import { entryOf, GIB, KERNEL, MIB2, map, newData, newTable, PAGE, run, smallMachine } from '../small-machine.ts';

const READ = 1;

describe('the walk cache', () => {
  it('finds a table by region, level and ASID, and keeps what was gathered above it', () => {
    const { walkCache } = smallMachine().cpus[0]!;
    putTable(walkCache, KERNEL + 5 * MIB2 + PAGE, 3, 21, 0xffff, 0x4100_0000, 0b1010);
    const at = lookupTable(walkCache, KERNEL + 5 * MIB2, 3, 21, 0xffff);
    expect([cachedLevel(walkCache, at), cachedLimits(walkCache, at), cachedAsid(walkCache, at)]).toEqual([
      3, 10, 0xffff,
    ]);
    expect([walkCache.tablePa[at], cachedBytes(walkCache, at)]).toEqual([0x4100_0000, MIB2]);
    expect(lookupTable(walkCache, KERNEL + 6 * MIB2, 3, 21, 0xffff)).toBe(-1);
    expect(lookupTable(walkCache, KERNEL + 5 * MIB2, 2, 21, 0xffff)).toBe(-1);
    expect(lookupTable(walkCache, KERNEL + 5 * MIB2, 3, 21, 0xfffe)).toBe(-1);
    dropTable(walkCache, at);
    expect(holdsTable(walkCache, at)).toBe(false);
    expect(lookupTable(walkCache, KERNEL + 5 * MIB2, 3, 21, 0xffff)).toBe(-1);
  });

  it('forgets everything at once, and works on', () => {
    const { walkCache } = smallMachine().cpus[0]!;
    putTable(walkCache, KERNEL, 3, 21, 0, 0x4100_0000, 0);
    dropAllTables(walkCache);
    expect(lookupTable(walkCache, KERNEL, 3, 21, 0)).toBe(-1);
    putTable(walkCache, KERNEL, 2, 30, 0, 0x4100_0000, 0);
    expect(lookupTable(walkCache, KERNEL, 2, 30, 0)).toBeGreaterThanOrEqual(0);
  });

  it('saves the upper levels of a walk, so that it does not see them change', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    map(machine, KERNEL, newData(machine.memory, 1n));
    const second = newData(machine.memory, 2n);
    map(machine, KERNEL + PAGE, second);
    expect(translate(cpu, KERNEL, READ)).toBeGreaterThan(0);
    exchange(
      machine.memory,
      entryOf(machine.memory, machine.root, KERNEL, 2),
      tableDescriptor(newTable(machine.memory)),
    );
    expect(translate(cpu, KERNEL + PAGE, READ)).toBe(second);
    expect(cpu.counts[WALK_CACHE_HITS]).toBe(1);
    dropAllTables(cpu.walkCache);
    dropAll(cpu.tlb);
    expect(translate(cpu, KERNEL + PAGE, READ)).toBeLessThan(0);
  });

  it('may hold a table whose entry was invalid, though never the invalid entry', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const entry = entryOf(machine.memory, machine.root, KERNEL, 3);
    expect(walkAndFill(cpu, cpu.regime1!, KERNEL, 0)).toBeLessThan(0);
    const at = lookupTable(cpu.walkCache, KERNEL, 3, 21, 0);
    expect(cpu.walkCache.tablePa[at]).toBe(entry);
    expect(lookup(cpu.tlb, KERNEL, 0)).toBe(MISS);
  });

  it('has nothing from a walk that ended in the first table', () => {
    const { cpus } = smallMachine();
    expect(walkAndFill(cpus[0]!, cpus[0]!.regime1!, KERNEL, 0)).toBeLessThan(0);
    expect(cpus[0]!.walkCache.levels).toBe(0);
  });
});

/** Tables of levels 1 to 3 for KERNEL, of ASID 7, then a TLBI; answers the levels that are left. */
function left(name: TlbiName, operand: bigint): number[] {
  const cpu: Cpu = smallMachine().cpus[0]!;
  for (const [level, shift] of [
    [1, 39],
    [2, 30],
    [3, 21],
  ] as const)
    putTable(cpu.walkCache, KERNEL, level, shift, 7, 0x4100_0000, 0);
  run(tlbi(cpu, name, operand));
  run(dsb(cpu, 'ish'));
  return [1, 2, 3].filter((level) => lookupTable(cpu.walkCache, KERNEL, level, 48 - 9 * level, 7) >= 0);
}

describe('a TLBI', () => {
  it.each<[what: string, name: TlbiName, operand: bigint, left: number[]]>([
    ['of an address drops every table above it', 'vae1is', encodeVaOperand(KERNEL + 5 * PAGE, 7), []],
    ['of any ASID does so too', 'vaae1is', encodeVaOperand(KERNEL), []],
    ['of another ASID leaves them', 'vae1is', encodeVaOperand(KERNEL, 8), [1, 2, 3]],
    ['of the last level leaves them', 'vale1is', encodeVaOperand(KERNEL, 7), [1, 2, 3]],
    ['of the last level and any ASID leaves them', 'vaale1is', encodeVaOperand(KERNEL), [1, 2, 3]],
    [
      'of an address beyond the last table drops the tables whose region holds it',
      'vaae1is',
      encodeVaOperand(KERNEL + MIB2),
      [3],
    ],
    ['of an address in another GiB drops only the uppermost', 'vaae1is', encodeVaOperand(KERNEL + GIB), [2, 3]],
    ['of the ASID drops them', 'aside1is', 7n << 48n, []],
    ['of another ASID altogether leaves them', 'aside1is', 8n << 48n, [1, 2, 3]],
    ['of everything drops them', 'vmalle1is', 0n, []],
    ['of everything, local, drops them', 'vmalle1', 0n, []],
  ])('%s', (_, name, operand, expected) => {
    expect(left(name, operand)).toEqual(expected);
  });
});
