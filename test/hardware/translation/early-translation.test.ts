import { describe, expect, it } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { exceptionReturn } from '../../../src/hardware/interrupt.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { awaitsSynchronisation } from '../../../src/hardware/translation/early-translation.ts';
import {
  entryOf,
  everyChance,
  KERNEL,
  leaf,
  map,
  newData,
  PAGE,
  run,
  Stopped,
  smallMachine,
} from '../small-machine.ts';

/** What a load of `by` finds at a page that CPU 0 has made valid, stored and then `synchronised` in some way. */
function found(synchronise: (cpu: Cpu) => void, by = 0, page = 0): Set<string> {
  return everyChance((choose) => {
    const machine = smallMachine({ choose });
    map(machine, KERNEL + PAGE, newData(machine.memory, 2n));
    const entry = entryOf(machine.memory, machine.root, KERNEL, 3);
    const cpu = machine.cpus[0]!;
    run(store(cpu, FIXMAP + entry, leaf(newData(machine.memory, 1n), 3)));
    synchronise(cpu);
    try {
      return String(run(load(machine.cpus[by]!, KERNEL + page * PAGE)));
    } catch (stopped) {
      if (stopped instanceof Stopped) return 'fault';
      throw stopped;
    }
  });
}

describe('an entry that this CPU has made valid', () => {
  it('may be missed after a DSB alone: the address may have been translated before', () => {
    expect(found((cpu) => run(dsb(cpu, 'ishst')))).toEqual(new Set(['1', 'fault']));
  });

  it('is found after DSB and ISB, or an exception', () => {
    const both = [
      isb,
      function* (cpu: Cpu) {
        exceptionReturn(cpu);
      },
    ];
    for (const event of both)
      expect(
        found((cpu) => {
          run(dsb(cpu, 'ishst'));
          run(event(cpu));
        }),
      ).toEqual(new Set(['1']));
  });

  it('is found by other CPUs, which learn of it through memory', () => {
    expect(found((cpu) => run(dsb(cpu, 'ishst')), 1)).toEqual(new Set(['1']));
  });

  it('says nothing of its neighbour, which was valid before', () => {
    expect(found((cpu) => run(dsb(cpu, 'ishst')), 0, 1)).toEqual(new Set(['2']));
  });

  it('is not helped by an ISB before the DSB', () => {
    expect(
      found((cpu) => {
        run(isb(cpu));
        run(dsb(cpu, 'ishst'));
      }),
    ).toEqual(new Set(['1', 'fault']));
  });
});

describe('a TLBI that a DSB has completed', () => {
  it.each(['vmalle1is', 'vmalle1'] as const)('%s awaits an ISB on the CPU that issued it, and there alone', (name) => {
    const [cpu, other] = smallMachine().cpus as [Cpu, Cpu];
    run(tlbi(cpu, name));
    expect(awaitsSynchronisation(cpu)).toBe(false);
    run(dsb(cpu, 'ish'));
    expect([awaitsSynchronisation(cpu), awaitsSynchronisation(other)]).toEqual([true, false]);
    run(isb(cpu));
    expect(awaitsSynchronisation(cpu)).toBe(false);
  });
});
