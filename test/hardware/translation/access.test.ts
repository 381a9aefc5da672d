import { describe, expect, it } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import {
  RIGHT_EL0_READ,
  RIGHT_EL1_EXECUTE,
  RIGHT_EL1_READ,
  RIGHT_EL1_WRITE,
  RIGHTS_EL0,
} from '../../../src/arch/permission.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { physicalAddressBits } from '../../../src/hardware/board/board.ts';
import { BOTH_SIZES_CACHED, EVICTIONS, FILLS, HITS, MISSES, WALKS } from '../../../src/hardware/counters.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP, refill, speculativeFill, translate, walkAndFill } from '../../../src/hardware/translation/access.ts';
import { dropAll, lookup, MISS, SEVERAL } from '../../../src/hardware/translation/tlb.ts';
import {
  FLAG_CONTIGUOUS,
  FLAG_SPECULATIVE,
  flagsOf,
  leafPaOf,
  paOf,
  sizeOf,
  tagOf,
} from '../../../src/hardware/translation/tlb-entry.ts';
import {
  entryOf,
  everyChance,
  GIB,
  KERNEL,
  leaf,
  MIB2,
  map,
  newData,
  newTable,
  PAGE,
  run,
  smallMachine,
  translateBy,
} from '../small-machine.ts';

const RAM = 0x4020_0000;

describe('a translation', () => {
  it('is walked for once, and hit from then on', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    map(machine, KERNEL, RAM);
    for (let i = 0; i < 5; i++) expect(translate(cpu, KERNEL + 8 * i, RIGHT_EL1_READ)).toBe(RAM + 8 * i);
    expect([cpu.counts[WALKS], cpu.counts[FILLS], cpu.counts[MISSES], cpu.counts[HITS]]).toEqual([1, 1, 1, 4]);
  });

  it.each([1, 2, 3] as const)('at level %i ends where the leaf says', (level) => {
    const machine = smallMachine();
    map(machine, KERNEL + 2 ** 30, 2 ** 30, level);
    const offset = 2 ** (12 + 9 * (3 - level)) - 8;
    expect(translate(machine.cpus[0]!, KERNEL + 2 ** 30 + offset, RIGHT_EL1_READ)).toBe(2 ** 30 + offset);
  });

  it('of fixmap addresses is a subtraction, cached nowhere, with translation off too', () => {
    const cpu = smallMachine().cpus[0]!;
    expect(translate(cpu, FIXMAP + RAM, RIGHT_EL1_WRITE)).toBe(RAM);
    cpu.mmuOn = false;
    expect(translate(cpu, FIXMAP + RAM, RIGHT_EL1_WRITE)).toBe(RAM);
    expect(translate(cpu, RAM, RIGHT_EL1_WRITE)).toBe(RAM);
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(-faultCode('addrsize', 0));
    expect(cpu.counts[WALKS]).toBe(0);
  });

  it('of addresses past the physical ones is an address size fault with translation off', () => {
    const cpu = smallMachine().cpus[0]!;
    cpu.mmuOn = false;
    const end = 2 ** physicalAddressBits(cpu.model);
    expect(translate(cpu, end - 8, RIGHT_EL1_READ)).toBe(end - 8);
    for (const va of [end, KERNEL]) expect(translate(cpu, va, RIGHT_EL1_READ)).toBe(-faultCode('addrsize', 0));
  });

  it('of EL0 is a translation fault of level 0 under E0PD, whatever is mapped or cached there', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    map(machine, KERNEL, RAM, 3, { AP: 0b01 });
    expect(translate(cpu, KERNEL, RIGHT_EL0_READ)).toBe(RAM);
    cpu.regime1 = { ...cpu.regime1!, e0pd: 1, rightsMask: 0xff & ~RIGHTS_EL0 };
    dropAll(cpu.tlb);
    for (const va of [KERNEL, KERNEL, KERNEL + PAGE, KERNEL + GIB])
      expect(translate(cpu, va, RIGHT_EL0_READ)).toBe(-faultCode('translation', 0));
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
  });

  it('evicts what chance names when its set is full', () => {
    for (const evict of [0, 3]) {
      const machine = smallMachine({ chances: { evict } });
      const cpu = machine.cpus[0]!;
      const pages = [0, 16, 32, 48, 64].map((page) => KERNEL + page * PAGE);
      for (const [i, va] of pages.entries()) map(machine, va, RAM + i * PAGE);
      for (const va of pages) translate(cpu, va, RIGHT_EL1_READ);
      expect(pages.map((va) => lookup(cpu.tlb, va, 0) !== MISS)).toEqual(
        [0, 1, 2, 3].map((i) => i !== evict).concat(true),
      );
      expect(cpu.counts[EVICTIONS]).toBe(1);
    }
  });

  it('after a miss makes the same entry whether the caller had looked or not', () => {
    const entries = [walkAndFill, refill].map((fill) => {
      const machine = smallMachine();
      const cpu = machine.cpus[0]!;
      map(machine, KERNEL, RAM);
      const way = fill(cpu, cpu.regime1!, KERNEL, 0);
      return [way, tagOf(cpu.tlb, way), paOf(cpu.tlb, way), leafPaOf(cpu.tlb, way)];
    });
    expect(entries[0]).toEqual(entries[1]);
  });
});

describe('what is cached', () => {
  const fault = (kind: 'translation' | 'accessflag' | 'permission', level: number): number => -faultCode(kind, level);

  it('an invalid entry never is: the next access walks again', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const entry = entryOf(machine.memory, machine.root, KERNEL, 3);
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(fault('translation', 3));
    expect([cpu.counts[FILLS], cpu.tlb.sizeCount]).toEqual([0, 0]);
    exchange(machine.memory, entry, leaf(RAM, 3));
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
  });

  it('nor is one whose access flag is clear', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, RAM, 3, { AF: 0 });
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(fault('accessflag', 3));
    expect(cpu.tlb.sizeCount).toBe(0);
    exchange(machine.memory, entry, leaf(RAM, 3));
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
  });

  it('one that refuses the access may be, and refuses until a TLBI though the table now allows', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, RAM, 3, { AP: 2 });
    expect(translate(cpu, KERNEL, RIGHT_EL1_WRITE)).toBe(fault('permission', 3));
    expect(lookup(cpu.tlb, KERNEL, 0)).not.toBe(MISS);
    exchange(machine.memory, entry, leaf(RAM, 3));
    expect(translate(cpu, KERNEL, RIGHT_EL1_WRITE)).toBe(fault('permission', 3));
    expect(translate(cpu, KERNEL, RIGHT_EL1_READ)).toBe(RAM);
    expect(translate(cpu, KERNEL, RIGHT_EL1_EXECUTE)).toBe(fault('permission', 3));
    run(tlbi(cpu, 'vaale1is', encodeVaOperand(KERNEL)));
    run(dsb(cpu, 'ish'));
    expect(translate(cpu, KERNEL, RIGHT_EL1_WRITE)).toBe(RAM);
  });

  it('a contiguous run may be, whole or a single page of it, from any member', () => {
    const sizes = everyChance((choose) => {
      const machine = smallMachine({ choose });
      const cpu = machine.cpus[0]!;
      for (let page = 0; page < 16; page++) map(machine, KERNEL + page * PAGE, RAM + page * PAGE, 3, { Contiguous: 1 });
      const way = walkAndFill(cpu, cpu.regime1!, KERNEL + 7 * PAGE, 0);
      expect(flagsOf(cpu.tlb, way) & FLAG_CONTIGUOUS).toBe(FLAG_CONTIGUOUS);
      expect(translate(cpu, KERNEL + 7 * PAGE + 8, RIGHT_EL1_READ)).toBe(RAM + 7 * PAGE + 8);
      return sizeOf(cpu.tlb, way);
    });
    expect(sizes).toEqual(new Set([PAGE, 16 * PAGE]));
  });

  it('an entry with nG belongs to the ASID of the walk', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    translateBy(cpu, machine.root, newTable(machine.memory), 5);
    map(machine, KERNEL, RAM, 3, { nG: 1 });
    translate(cpu, KERNEL, RIGHT_EL1_READ);
    expect([5, 6].map((asid) => lookup(cpu.tlb, KERNEL, asid) === MISS)).toEqual([false, true]);
  });
});

describe('a write to TTBR1_EL1', () => {
  /** What an access finds after the write, with another page at the same address under each root. */
  function seen(synchronise: boolean): Set<number> {
    return everyChance((choose) => {
      const machine = smallMachine({ choose });
      const cpu = machine.cpus[0]!;
      map(machine, KERNEL, RAM);
      const root = newTable(machine.memory);
      map({ memory: machine.memory, root }, KERNEL, RAM + PAGE);
      run(msr(cpu, 'TTBR1_EL1', BigInt(root)));
      if (synchronise) run(isb(cpu));
      return translate(cpu, KERNEL, RIGHT_EL1_READ);
    });
  }

  it('may take effect before the ISB, or not', () => {
    expect(seen(false)).toEqual(new Set([RAM, RAM + PAGE]));
  });

  it('has taken effect after it', () => {
    expect(seen(true)).toEqual(new Set([RAM + PAGE]));
  });

  it('does not turn translation on: SCTLR_EL1 and an ISB do', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const registers = cpu.sysregs;
    cpu.mmuOn = false;
    cpu.sysregs = { ...registers, SCTLR_EL1: 0n };
    run(msr(cpu, 'TTBR1_EL1', registers.TTBR1_EL1));
    run(isb(cpu));
    expect(cpu.mmuOn).toBe(false);
    run(msr(cpu, 'SCTLR_EL1', registers.SCTLR_EL1));
    expect(cpu.mmuOn).toBe(false);
    run(isb(cpu));
    expect(cpu.mmuOn).toBe(true);
  });
});

describe('a speculative walk', () => {
  it('caches what it finds beside what is there, and marks it', () => {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    map(machine, KERNEL, RAM, 2);
    translate(cpu, KERNEL, RIGHT_EL1_READ);
    exchange(machine.memory, entryOf(machine.memory, machine.root, KERNEL, 2), 0n);
    map(machine, KERNEL, RAM);
    cpu.walkCache.tag.fill(Number.NaN);
    speculativeFill(cpu, KERNEL);
    expect(lookup(cpu.tlb, KERNEL, 0)).toBe(SEVERAL);
    expect(lookup(cpu.tlb, KERNEL + MIB2 - PAGE, 0)).toBeGreaterThanOrEqual(0);
    expect(cpu.counts[BOTH_SIZES_CACHED]).toBe(1);
    const flags = [...cpu.tlb.matched.subarray(0, 2)].map((way) => flagsOf(cpu.tlb, way) & FLAG_SPECULATIVE);
    expect(flags.sort()).toEqual([0, FLAG_SPECULATIVE]);
  });

  it('caches nothing where nothing is valid, and takes no fault', () => {
    const faults: number[] = [];
    const machine = smallMachine({ observer: { faultTaken: (_cpu, va) => faults.push(va) } });
    const cpu = machine.cpus[0]!;
    speculativeFill(cpu, KERNEL);
    speculativeFill(cpu, 2 ** 40);
    cpu.mmuOn = false;
    map(machine, KERNEL, RAM);
    speculativeFill(cpu, KERNEL);
    expect([cpu.tlb.sizeCount, faults.length, newData(machine.memory, 0n) > 0]).toEqual([0, 0, true]);
  });
});
