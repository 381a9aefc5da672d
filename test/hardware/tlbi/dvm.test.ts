import { describe, expect, it } from 'vitest';
import { RIGHT_EL1_READ } from '../../../src/arch/permission.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { CONTROL_DVM_COMPLETED, CONTROL_DVM_ISSUED, exchange } from '../../../src/hardware/memory/memory.ts';
import {
  ahead,
  CPU_APPLIED,
  complete,
  completed,
  issue,
  issued,
  readRecord,
  record,
  TLBI_ALL,
  TLBI_ANY_ASID,
} from '../../../src/hardware/tlbi/dvm.ts';
import { catchUp } from '../../../src/hardware/tlbi/maintenance.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { enterHazard, FIXMAP, leaveHazard, translate } from '../../../src/hardware/translation/access.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { beside, LEFT, READY, REDONE, ROUNDS, WRONG } from '../second-thread.ts';
import { KERNEL, leaf, map, newData, PAGE, run, type SmallMachine, smallMachine } from '../small-machine.ts';

const RAM = 0x4020_0000;

/** Every position of the machine, moved to `position`. */
function startAt(machine: SmallMachine, position: number): void {
  machine.memory.control[CONTROL_DVM_ISSUED] = position;
  machine.memory.control[CONTROL_DVM_COMPLETED] = position;
  for (const cpu of machine.cpus) cpu.words[CPU_APPLIED] = position;
}

describe('the log', () => {
  it('gives back what was issued, by position', () => {
    const { dvm } = smallMachine({ dvmLogRecords: 8 }).cpus[0]!;
    const out = record();
    for (let i = 0; i < 20; i++) {
      const end = issue(dvm, 1, TLBI_ANY_ASID, KERNEL + i * PAGE, KERNEL + (i + 1) * PAGE, i);
      expect(end).toBe(i + 1);
      expect(readRecord(dvm, i, out)).toBe(true);
      expect(out).toMatchObject({ flags: TLBI_ANY_ASID, start: KERNEL + i * PAGE, asid: i, issuer: 1 });
      expect(readRecord(dvm, i - 8, out)).toBe(false);
      expect(readRecord(dvm, i + 1, out)).toBe(false);
    }
  });

  it('goes on where tickets wrap at 2^32', () => {
    for (const deliver of [0, 1]) {
      const machine = smallMachine({ dvmLogRecords: 4, chances: { deliver } });
      const [a, b] = machine.cpus as [Cpu, Cpu];
      startAt(machine, -2);
      for (let i = 0; i < 6; i++) {
        const entry = map(machine, KERNEL, RAM + i * PAGE);
        expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBe(RAM + i * PAGE);
        map(machine, KERNEL + PAGE, RAM);
        translate(b, KERNEL + PAGE, RIGHT_EL1_READ);
        exchange(machine.memory, entry, 0n);
        run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL)));
        run(dsb(a, 'ish'));
        expect(translate(b, KERNEL, RIGHT_EL1_READ)).toBeLessThan(0);
        expect(lookup(b.tlb, KERNEL + PAGE, 0)).not.toBe(MISS);
      }
      expect(issued(a.dvm)).toBe(4);
      expect(b.words[CPU_APPLIED]).toBe(4);
    }
  });

  it('has no record before the wrap that an empty slot could pass for', () => {
    const machine = smallMachine({ dvmLogRecords: 8 });
    for (const position of [-1, 0, -8, 2 ** 31 - 1, -(2 ** 31)])
      expect(readRecord(machine.cpus[0]!.dvm, position, record()), `${position}`).toBe(false);
  });

  it('has no record while one is being written, and whoever needs it drops everything', () => {
    const machine = smallMachine({ dvmLogRecords: 8, chances: { deliver: 1 } });
    const [a, b] = machine.cpus as [Cpu, Cpu];
    const position = issue(a.dvm, 0, 0, KERNEL, KERNEL + PAGE, 0) - 1;
    a.dvm.words[position * 4 + 3]! -= 1;
    expect(readRecord(a.dvm, position, record())).toBe(false);
    map(machine, KERNEL + PAGE, RAM);
    translate(b, KERNEL + PAGE, RIGHT_EL1_READ);
    complete(a.dvm, 0, position + 1, () => {});
    catchUp(b);
    expect(lookup(b.tlb, KERNEL + PAGE, 0)).toBe(MISS);
  });

  it('lets nobody write into the slot of a writer that lost its core for a whole lap', () => {
    const { dvm } = smallMachine({ dvmLogRecords: 8 }).cpus[0]!;
    issue(dvm, 0, TLBI_ALL, 0, 0, 0);
    dvm.words[3]! -= 1;
    for (let i = 1; i <= 8; i++) issue(dvm, 1, TLBI_ANY_ASID, KERNEL, KERNEL + PAGE, 0);
    expect([0, 8].map((position) => readRecord(dvm, position, record()))).toEqual([false, false]);
    expect(dvm.words[0]).toBe(TLBI_ALL);
    dvm.words[3]! += 1;
    for (let i = 9; i <= 16; i++) issue(dvm, 1, TLBI_ANY_ASID, KERNEL, KERNEL + PAGE, 0);
    expect([8, 16].map((position) => readRecord(dvm, position, record()))).toEqual([false, true]);
  });

  it('lets nobody sleep so long that its position looks like one ahead', () => {
    const machine = smallMachine({ cpus: 3 });
    const [a, b] = machine.cpus as [Cpu, Cpu, Cpu];
    map(machine, KERNEL, RAM);
    translate(b, KERNEL, RIGHT_EL1_READ);
    for (let i = 0; i < 64; i++) {
      machine.memory.control[CONTROL_DVM_ISSUED] = (i * 2 ** 26) | 0;
      const end = issue(a.dvm, 0, TLBI_ANY_ASID, KERNEL, KERNEL + PAGE, 0);
      machine.memory.control[CONTROL_DVM_COMPLETED] = end;
      expect(ahead(end, b.words[CPU_APPLIED]!)).toBeGreaterThan(0);
    }
    catchUp(b);
    expect(lookup(b.tlb, KERNEL, 0)).toBe(MISS);
  });
});

describe('a completion', () => {
  it('never moves back', () => {
    const machine = smallMachine();
    const { dvm } = machine.cpus[0]!;
    startAt(machine, 5);
    complete(dvm, 0, 9, () => {});
    complete(dvm, 0, 7, () => {});
    expect(completed(dvm)).toBe(9);
  });

  it('waits for no access that began after it', () => {
    let relaxed = 0;
    const machine = smallMachine({ relax: () => relaxed++ });
    const [a, b] = machine.cpus as [Cpu, Cpu];
    enterHazard(b);
    leaveHazard(b);
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    expect(relaxed).toBe(0);
  });

  it('waits for an access that cannot be redone, however often that CPU begins the next', () => {
    let relaxed = 0;
    const machine = smallMachine({
      relax: () => {
        relaxed++;
        leaveHazard(machine.cpus[1]!);
        enterHazard(machine.cpus[1]!);
      },
    });
    const [a, b] = machine.cpus as [Cpu, Cpu];
    enterHazard(b);
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    expect(relaxed).toBe(1);
  });

  it('does not wait for its own CPU, nor without a TLBI of its own', () => {
    let relaxed = 0;
    const machine = smallMachine({ relax: () => relaxed++ });
    const [a, b] = machine.cpus as [Cpu, Cpu];
    enterHazard(b);
    run(dsb(a, 'ish'));
    run(tlbi(b, 'vmalle1is'));
    run(dsb(b, 'ish'));
    expect(relaxed).toBe(0);
  });

  it('asks nothing of parked CPUs, however many', () => {
    const machine = smallMachine({ cpus: 192, relax: () => expect.unreachable() });
    const [a, ...parked] = machine.cpus as [Cpu, ...Cpu[]];
    const before = parked.map((cpu) => [...cpu.words]);
    for (let i = 0; i < 1000; i++) {
      run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL)));
      run(dsb(a, 'ish'));
      run(isb(a));
    }
    expect(parked.map((cpu) => [...cpu.words])).toEqual(before);
    for (const cpu of parked) {
      catchUp(cpu);
      expect(cpu.words[CPU_APPLIED]).toBe(1000);
    }
  });
});

describe('on two threads', () => {
  const MINE = 1n;
  const THEIRS = 2n;

  /** Breaks the page's entry, completes the TLBI, and only then gives the page away; over and over. */
  async function giveAway(lookAgain: boolean, limitMs: number): Promise<Int32Array> {
    const machine = smallMachine();
    const cpu = machine.cpus[0]!;
    const page = newData(machine.memory, MINE);
    const entry = map(machine, KERNEL, page);
    const valid = leaf(page, 3);
    const task = { kind: 'read', root: machine.root, va: KERNEL, wrong: THEIRS, lookAgain } as const;
    return beside(machine, task, (signals) => {
      while (Atomics.load(signals, READY) === 0);
      for (const end = performance.now() + limitMs; performance.now() < end; ) {
        exchange(machine.memory, page, MINE);
        exchange(machine.memory, entry, valid);
        const before = Atomics.load(signals, ROUNDS);
        for (let spins = 0; spins < 2000 && Atomics.load(signals, ROUNDS) === before; spins++);
        run(store(cpu, FIXMAP + entry, 0n));
        run(dsb(cpu, 'ishst'));
        run(tlbi(cpu, 'vaale1is', encodeVaOperand(KERNEL)));
        run(dsb(cpu, 'ish'));
        exchange(machine.memory, page, THEIRS);
        for (let spins = 0; spins < 200; spins++) Atomics.load(signals, ROUNDS);
        if (!lookAgain && Atomics.load(signals, WRONG) > 0) break;
      }
    });
  }

  it('a broadcast TLBI completes only after every CPU has dropped its old entry', async () => {
    const signals = await giveAway(true, 1500);
    expect(signals[WRONG]).toBe(0);
    expect(signals[ROUNDS]).toBeGreaterThan(100);
    expect(signals[REDONE]).toBeGreaterThan(0);
  });

  it('an access that does not look again reads what is no longer its own', async () => {
    const signals = await giveAway(false, 20_000);
    expect(signals[WRONG]).toBeGreaterThan(0);
  }, 30_000);

  it.each([true, false])(
    'a DSB waits for an access of another thread that cannot be redone (there is one: %s)',
    async (hold) => {
      const machine = smallMachine();
      const cpu = machine.cpus[0]!;
      let left = -1;
      await beside(machine, { kind: 'hazard', root: machine.root, hold }, (signals) => {
        Atomics.wait(signals, READY, 0, 10_000);
        run(tlbi(cpu, 'vmalle1is'));
        run(dsb(cpu, 'ish'));
        left = Atomics.load(signals, LEFT);
      });
      expect(left).toBe(hold ? 1 : 0);
    },
  );
});
