import { describe, expect, it } from 'vitest';
import { RIGHT_EL1_READ } from '../../../src/arch/permission.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { REDONE, STALE_USES } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { CPU_HAZARD } from '../../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import {
  enterHazard,
  leaveHazard,
  speculativeFill,
  translate,
  walkAndFill,
} from '../../../src/hardware/translation/access.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { paOf } from '../../../src/hardware/translation/tlb-entry.ts';
import { entryOf, KERNEL, leaf, map, PAGE, run, type SmallMachine, smallMachine } from '../small-machine.ts';

const RAM = 0x4020_0000;

describe('a TLBI on its way', () => {
  /** `b` has cached a page that `a` has then replaced and invalidated; `b` is slow to hear of it. */
  function underWay(): { a: Cpu; b: Cpu } {
    const machine = smallMachine({ chances: { deliver: 1 } });
    const [a, b] = machine.cpus as [Cpu, Cpu];
    const entry = map(machine, KERNEL, RAM);
    translate(b, KERNEL, RIGHT_EL1_READ);
    exchange(machine.memory, entry, leaf(RAM + PAGE, 3));
    run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL)));
    return { a, b };
  }

  it('lets a stale translation be used until it completes, and that is counted', () => {
    const { b } = underWay();
    expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
    expect(b.counts[STALE_USES]).toBe(1);
  });

  it('lets none be used after that', () => {
    const { a, b } = underWay();
    run(dsb(a, 'ish'));
    expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM + PAGE);
    expect(b.counts[STALE_USES]).toBe(0);
  });

  it('that does not concern the entry makes no use stale', () => {
    const { a, b } = underWay();
    run(dsb(a, 'ish'));
    translate(b, KERNEL, RIGHT_EL1_READ);
    run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL + PAGE)));
    expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM + PAGE);
    expect(b.counts[STALE_USES]).toBe(0);
  });
});

/** `b` walks into a run of pages; while it chooses how much of it to cache, `meanwhile` happens. */
function overtakenWalk(meanwhile: (machine: SmallMachine) => void): { machine: SmallMachine; b: Cpu } {
  let armed = true;
  const machine: SmallMachine = smallMachine({
    chances: {
      speculate: () => {
        if (armed) {
          armed = false;
          meanwhile(machine);
        }
        return 3;
      },
    },
  });
  map(machine, KERNEL, RAM, 3, { Contiguous: 1 });
  return { machine, b: machine.cpus[1]! };
}

describe('an access that a completion overtakes', () => {
  const replace =
    (complete: boolean) =>
    (machine: SmallMachine): void => {
      exchange(machine.memory, entryOf(machine.memory, machine.root, KERNEL, 3), leaf(RAM + PAGE, 3));
      run(tlbi(machine.cpus[0]!, 'vaale1is', encodeVaOperand(KERNEL)));
      if (complete) run(dsb(machine.cpus[0]!, 'ish'));
    };

  it('is done again, so that it counts as after the TLBI', () => {
    const { b } = overtakenWalk(replace(true));
    expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM + PAGE);
    expect(b.counts[REDONE]).toBe(1);
  });

  it('would keep the old translation without the second look', () => {
    const { b } = overtakenWalk(replace(true));
    expect(paOf(b.tlb, walkAndFill(b, b.regime1!, KERNEL, 0))).toBe(RAM);
  });

  it('is not done again when the TLBI has only been issued', () => {
    const { b } = overtakenWalk(replace(false));
    expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
    expect(b.counts[REDONE]).toBe(0);
  });

  it('and was nobody’s but a prefetcher’s leaves nothing behind', () => {
    const { b } = overtakenWalk(replace(true));
    speculativeFill(b, KERNEL);
    expect(lookup(b.tlb, KERNEL, 0)).toBe(MISS);
  });

  it('cannot enter a hazard: it must translate anew', () => {
    const { cpus } = smallMachine();
    const [a, b] = cpus as [Cpu, Cpu];
    expect(enterHazard(b)).toBe(true);
    expect(b.words[CPU_HAZARD]! & 1).toBe(1);
    leaveHazard(b);
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    expect(enterHazard(b)).toBe(false);
    expect(b.words[CPU_HAZARD]! & 1).toBe(0);
    expect(enterHazard(b)).toBe(true);
  });
});
