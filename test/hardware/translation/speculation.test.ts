import { describe, expect, it } from 'vitest';
import { SPECULATIVE_WALKS } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { CONTROL_HINT_CURSOR } from '../../../src/hardware/memory/memory.ts';
import { placeOf } from '../../../src/hardware/memory/table-word.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP, translate } from '../../../src/hardware/translation/access.ts';
import { speculate } from '../../../src/hardware/translation/speculation.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { FLAG_SPECULATIVE, flagsOf, paOf } from '../../../src/hardware/translation/tlb-entry.ts';
import {
  entryOf,
  everyChance,
  KERNEL,
  leaf,
  MIB2,
  map,
  newTable,
  PAGE,
  run,
  type SmallMachine,
  smallMachine,
} from '../small-machine.ts';

const RAM = 0x4020_0000;

/** A table with every page of 2 MiB, known to hang at KERNEL. */
function hanging(machine: SmallMachine): number {
  const { memory, root, cpus } = machine;
  const table = newTable(memory);
  for (let i = 0; i < 512; i++) run(store(cpus[0]!, FIXMAP + table + 8 * i, leaf(RAM + i * PAGE, 3)));
  const levels = [newTable(memory), newTable(memory)];
  run(store(cpus[0]!, FIXMAP + root, BigInt(levels[0]!) | 3n));
  run(store(cpus[0]!, FIXMAP + levels[0]!, BigInt(levels[1]!) | 3n));
  run(store(cpus[0]!, FIXMAP + levels[1]!, BigInt(table) | 3n));
  run(dsb(cpus[0]!, 'ish'));
  return table;
}

/** As if the entry for KERNEL had just been changed. */
function hint({ hints, memory }: Cpu): void {
  hints[0] = KERNEL;
  memory.control[CONTROL_HINT_CURSOR] = 1;
}

describe('speculation', () => {
  it('reaches, on any CPU, a page whose entry somebody has just changed', () => {
    const reached = everyChance((choose) => {
      const machine = smallMachine({
        choose: (bound, kind) => (kind === 'speculate' ? choose(bound, kind) : 0),
      });
      const [a, b] = machine.cpus as [Cpu, Cpu];
      const table = hanging(machine);
      run(store(a, FIXMAP + table + 8 * 7, leaf(RAM, 3)));
      run(dsb(a, 'ishst'));
      speculate(b);
      const way = lookup(b.tlb, KERNEL + 7 * PAGE, 0);
      return way === MISS ? 'nothing' : flagsOf(b.tlb, way) & FLAG_SPECULATIVE ? 'cached' : 'wrong';
    });
    expect(reached).toEqual(new Set(['nothing', 'cached']));
  });

  it('caches what the table says, never what is still buffered', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const table = hanging(machine);
    run(store(cpu, FIXMAP + table, leaf(RAM + MIB2, 3)));
    hint(cpu);
    speculate(cpu);
    expect(paOf(cpu.tlb, lookup(cpu.tlb, KERNEL, 0))).toBe(RAM);
  });

  it('reaches the neighbours of the last access', () => {
    const found = everyChance((choose) => {
      const machine = smallMachine({ choose });
      for (let page = 0; page < 16; page++) map(machine, KERNEL + page * PAGE, RAM + page * PAGE);
      const cpu = machine.cpus[0]!;
      translate(cpu, KERNEL + 8 * PAGE, 1);
      speculate(cpu);
      return Array.from({ length: 16 }, (_, page) => page)
        .filter((page) => lookup(cpu.tlb, KERNEL + page * PAGE, 0) !== MISS)
        .join();
    });
    expect([...found].sort()).toEqual(['7,8', '8', '8,9']);
  });

  it('by the tame answer walks nowhere while nothing has changed, and never with translation off', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    speculate(cpu);
    expect(cpu.counts[SPECULATIVE_WALKS]).toBe(0);
    hint(cpu);
    speculate(cpu);
    cpu.mmuOn = false;
    speculate(cpu);
    expect(cpu.counts[SPECULATIVE_WALKS]).toBe(1);
  });

  it('brings back what a TLBI has just removed, if the entry is still there', () => {
    const machine = smallMachine();
    const [a, b] = machine.cpus as [Cpu, Cpu];
    map(machine, KERNEL, RAM);
    hint(b);
    speculate(b);
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    speculate(b);
    expect(lookup(b.tlb, KERNEL, 0)).not.toBe(MISS);
  });
});

describe('the place of a table', () => {
  it('is known once it hangs from a known tree, with the tables below it', () => {
    const machine = smallMachine();
    const table = hanging(machine);
    expect(placeOf(machine.memory, table + 8)).toEqual({
      level: 3,
      va: KERNEL + PAGE,
      bytes: PAGE,
      rootPa: machine.root,
    });
    expect(placeOf(machine.memory, entryOf(machine.memory, machine.root, KERNEL, 2))).toMatchObject({
      level: 2,
      bytes: MIB2,
    });
    expect(placeOf(machine.memory, newTable(machine.memory))).toBeUndefined();
    expect(placeOf(machine.memory, 0x4010_0000)).toBeUndefined();
  });

  it('moves, tables below included, when the tree is hung from another root', () => {
    const machine = smallMachine();
    const { memory, cpus } = machine;
    const table = hanging(machine);
    const level2 = entryOf(memory, machine.root, KERNEL, 2);
    const level1 = entryOf(memory, machine.root, KERNEL, 1);
    const root = newTable(memory);
    memory.frameMeta.set(memory.frameMeta.subarray(frame(machine.root), frame(machine.root) + 4), frame(root));
    memory.frameMeta[frame(root) + 3] = 1 + frame(root) / 4;
    memory.frameVa[frame(root) / 4] = KERNEL;
    run(store(cpus[0]!, FIXMAP + root, BigInt(level1) | 3n));
    run(dsb(cpus[0]!, 'ish'));
    for (const pa of [level1, level2, table]) expect(placeOf(memory, pa)?.rootPa).toBe(root);

    function frame(pa: number): number {
      return 4 * (memory.imageFrames + (pa - memory.poolPa) / PAGE);
    }
  });
});
