import { describe, expect, it } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import { RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../../../src/arch/permission.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import type { BbmClass } from '../../../src/hardware/board/board.ts';
import {
  ACCESSES,
  CONFLICT_ABORTS,
  FILLS,
  HITS,
  MISSES,
  REDONE,
  WALK_CACHE_HITS,
} from '../../../src/hardware/counters.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { readMissing, readPages, readRandomPages } from '../../../src/hardware/instruction/burst.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { walkAndFill } from '../../../src/hardware/translation/access.ts';
import { entryOf, KERNEL, leaf, MIB2, map, PAGE, run, type SmallMachine, smallMachine } from '../small-machine.ts';

const RAM = 0x4020_0000;

/** `pages` pages from KERNEL on, to RAM in order. */
function mapped(pages: number, options: Parameters<typeof smallMachine>[0] = {}): SmallMachine {
  const machine = smallMachine(options);
  for (let i = 0; i < pages; i++) map(machine, KERNEL + i * PAGE, RAM + i * PAGE);
  return machine;
}

describe('readPages', () => {
  it('is content when every page is where it should be, and has counted each once', () => {
    const cpu = mapped(200).cpus[0]!;
    expect(readPages(cpu, KERNEL, RAM, 200, RIGHT_EL1_WRITE)).toEqual({ done: 200, pa: 0, ok: true });
    expect(readPages(cpu, KERNEL, RAM, 16, RIGHT_EL1_WRITE).ok).toBe(true);
    expect(cpu.counts[ACCESSES]).toBe(216);
    expect(cpu.counts[HITS]! + cpu.counts[MISSES]!).toBe(216);
  });

  it('stops at the first page that translates otherwise, and says to what', () => {
    const machine = mapped(200);
    map(machine, KERNEL + 70 * PAGE, RAM);
    expect(readPages(machine.cpus[0]!, KERNEL, RAM, 200, RIGHT_EL1_READ)).toEqual({ done: 70, pa: RAM, ok: false });
  });

  it('stops at a fault: nothing there, or not allowed', () => {
    const machine = mapped(100);
    const fault = (kind: 'translation' | 'permission'): number => -faultCode(kind, 3);
    expect(readPages(machine.cpus[0]!, KERNEL, RAM, 101, RIGHT_EL1_READ)).toMatchObject({
      done: 100,
      pa: fault('translation'),
    });
    map(machine, KERNEL + 65 * PAGE, RAM + 65 * PAGE, 3, { AP: 2 });
    expect(readPages(machine.cpus[1]!, KERNEL, RAM, 100, RIGHT_EL1_READ).ok).toBe(true);
    for (let again = 0; again < 2; again++)
      expect(readPages(machine.cpus[1]!, KERNEL, RAM, 100, RIGHT_EL1_WRITE)).toMatchObject({
        done: 65,
        pa: fault('permission'),
      });
  });

  it.each<[BbmClass, boolean]>([
    ['level3', true],
    ['level2', false],
  ])('meets several entries as any access does: on %s, fine is %s', (conflicts, ok) => {
    const machine = mapped(64, { model: { conflicts }, chances: { conflict: 1 } });
    const cpu = machine.cpus[0]!;
    walkAndFill(cpu, cpu.regime1!, KERNEL + 5 * PAGE, 0);
    const entry = entryOf(machine.memory, machine.root, KERNEL, 2);
    exchange(machine.memory, entry, leaf(RAM, 2));
    cpu.walkCache.tag.fill(Number.NaN);
    walkAndFill(cpu, cpu.regime1!, KERNEL + 6 * PAGE, 0);
    const result = readPages(cpu, KERNEL, RAM, 64, RIGHT_EL1_READ);
    expect(result).toEqual(ok ? { done: 64, pa: 0, ok } : { done: 5, pa: -faultCode('tlb-conflict'), ok });
    expect(cpu.counts[CONFLICT_ABORTS]).toBe(ok ? 0 : 1);
  });

  it('translates nothing while translation is off', () => {
    const cpu = smallMachine().cpus[0]!;
    cpu.mmuOn = false;
    expect(readPages(cpu, RAM, RAM, 64, RIGHT_EL1_READ).ok).toBe(true);
    expect(cpu.counts[FILLS]).toBe(0);
  });
});

/** In the middle of a group of CPU 1, CPU 0 swaps page 3 for another and completes the TLBI. */
function swappedMeanwhile(complete: boolean): SmallMachine {
  let armed = true;
  const machine: SmallMachine = smallMachine({
    chances: {
      deliver: 1,
      speculate: () => {
        if (armed) {
          armed = false;
          map(machine, KERNEL + 3 * PAGE, RAM + 30 * PAGE);
          run(tlbi(machine.cpus[0]!, 'vaale1is', encodeVaOperand(KERNEL + 3 * PAGE)));
          if (complete) run(dsb(machine.cpus[0]!, 'ish'));
        }
        return 3;
      },
    },
  });
  for (let i = 0; i < 16; i++) map(machine, KERNEL + i * PAGE, RAM + i * PAGE, 3, { Contiguous: i === 8 ? 1 : 0 });
  return machine;
}

describe('a group that a completion overtook', () => {
  it('is done again as a whole, and finds what is there now', () => {
    const cpu = swappedMeanwhile(true).cpus[1]!;
    expect(readPages(cpu, KERNEL, RAM, 16, RIGHT_EL1_READ)).toEqual({ done: 3, pa: RAM + 30 * PAGE, ok: false });
    expect(cpu.counts[REDONE]).toBe(1);
  });

  it('has stopped at nothing if it is content the second time', () => {
    let armed = true;
    const machine: SmallMachine = smallMachine({
      chances: {
        speculate: () => {
          if (!armed) return 3;
          armed = false;
          map(machine, KERNEL, RAM, 3, { Contiguous: 1 });
          run(tlbi(machine.cpus[0]!, 'vaale1is', encodeVaOperand(KERNEL)));
          run(dsb(machine.cpus[0]!, 'ish'));
          return 3;
        },
      },
    });
    map(machine, KERNEL, RAM + PAGE, 3, { Contiguous: 1 });
    const cpu = machine.cpus[1]!;
    expect(readPages(cpu, KERNEL, RAM, 1, RIGHT_EL1_READ)).toEqual({ done: 1, pa: 0, ok: true });
    expect(cpu.counts[REDONE]).toBe(1);
  });

  it('stands when the TLBI has only been issued', () => {
    const cpu = swappedMeanwhile(false).cpus[1]!;
    expect(readPages(cpu, KERNEL, RAM, 16, RIGHT_EL1_READ).ok).toBe(true);
    expect(cpu.counts[REDONE]).toBe(0);
  });

  it('of random reads counts once in their sum', () => {
    const cpu = swappedMeanwhile(true).cpus[1]!;
    const sum = readRandomPages(cpu, KERNEL, 16, 64, 7);
    expect(cpu.counts[REDONE]).toBe(1);
    expect(sum).toBe(readRandomPages(cpu, KERNEL, 16, 64, 7));
    expect(cpu.counts[REDONE]).toBe(1);
  });
});

describe('random reads', () => {
  it('are as many as were asked for, all over the pages', () => {
    const cpu = mapped(16).cpus[0]!;
    const sum = readRandomPages(cpu, KERNEL, 16, 1000, 99);
    expect(cpu.counts[ACCESSES]).toBe(1000);
    expect(cpu.counts[MISSES]).toBe(16);
    expect(sum / 1000).toBeGreaterThan(RAM + 5 * PAGE);
    expect(sum / 1000).toBeLessThan(RAM + 10 * PAGE);
  });

  it('of one page each find that page', () => {
    const cpu = mapped(1).cpus[0]!;
    expect(readRandomPages(cpu, KERNEL, 1, 65, 3)).toBe(65 * RAM);
  });

  it('say so when an address is not mapped, or translation is off', () => {
    const cpu = mapped(1).cpus[0]!;
    expect(() => readRandomPages(cpu, KERNEL, 16, 64, 3)).toThrow('fault');
    cpu.mmuOn = false;
    expect(() => readRandomPages(cpu, KERNEL, 1, 64, 3)).toThrow('translation to be on');
  });

  it('of one page a table miss nearly always, and get little help from the walk cache', () => {
    const machine = smallMachine({ model: { walkCache: { entries: 1 } }, poolFrames: 80 });
    for (let table = 0; table < 64; table++) map(machine, KERNEL + table * MIB2, RAM + table * PAGE);
    const cpu = machine.cpus[0]!;
    readMissing(cpu, KERNEL, 64, 6400, 5);
    expect(cpu.counts[MISSES]! / 6400).toBeGreaterThan(0.9);
    expect(cpu.counts[WALK_CACHE_HITS]! / 6400).toBeLessThan(0.05);
    const helped = mapped(64).cpus[0]!;
    readRandomPages(helped, KERNEL, 64, 6400, 5);
    expect(helped.counts[MISSES]! / 6400).toBeLessThan(0.05);
  });
});
