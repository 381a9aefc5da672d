import { describe, expect, it } from 'vitest';
import { branch, NOP } from '../../src/arch/instruction.ts';
import { IPIS } from '../../src/hardware/counters.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { isb } from '../../src/hardware/instruction/barrier.ts';
import { sendIpi } from '../../src/hardware/instruction/ipi.ts';
import { wfi } from '../../src/hardware/instruction/wait.ts';
import {
  acknowledge,
  armTimer,
  exceptionReturn,
  IPI_CALL_FUNC,
  IPI_RESCHEDULE,
  IRQ_TIMER,
  interruptDue,
  raise,
} from '../../src/hardware/interrupt.ts';
import {
  beginMaintenance,
  completeMaintenance,
  loadText,
  mayBeStale,
  textStored,
} from '../../src/hardware/memory/instruction-memory.ts';
import { CPU_WORDS } from '../../src/hardware/memory/layout.ts';
import { CPU_IRQ_PENDING } from '../../src/hardware/tlbi/dvm.ts';
import { run, Stopped, smallMachine } from './small-machine.ts';

function stopOf(operation: () => void): Stopped['point'] | undefined {
  try {
    operation();
  } catch (stopped) {
    if (stopped instanceof Stopped) return stopped.point;
    throw stopped;
  }
  return undefined;
}

/** All caches have the new instruction, and each CPU may have fetched the old one. */
function patched({ memory }: Cpu): void {
  loadText(memory, 0, NOP);
  textStored(memory, 0, branch(4));
  for (const operation of ['clean', 'invalidate'] as const)
    completeMaintenance(memory, beginMaintenance(memory, operation, 0));
}

describe('the exception', () => {
  const events: readonly [string, (cpu: Cpu) => void][] = [
    ['entry', acknowledge],
    ['return', exceptionReturn],
  ];
  it.each(events)('%s discards what its CPU has fetched, and no other', (_, event) => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    patched(a);
    expect([mayBeStale(a.memory, 0, 0), mayBeStale(a.memory, 1, 0)]).toEqual([true, true]);
    event(b);
    expect([mayBeStale(a.memory, 0, 0), mayBeStale(a.memory, 1, 0)]).toEqual([true, false]);
  });
});

describe('an interrupt', () => {
  it("of a CPU's own timer is pending at once, and on threads soon looked for", () => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    for (const cpu of [a, b]) {
      cpu.irqMasked = false;
      cpu.credit = 1000;
      armTimer(cpu, 10);
      expect(acknowledge(cpu)).toBe(IRQ_TIMER);
      expect(cpu.credit).toBeLessThan(10);
    }
    expect([acknowledge(a), acknowledge(b)]).toEqual([0, 0]);
  });

  it('is pending on its target alone until it is acknowledged, all at once', () => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    b.irqMasked = false;
    a.irqMasked = false;
    run(sendIpi(a, 1, IPI_CALL_FUNC));
    raise(a, 1, IRQ_TIMER);
    expect([interruptDue(a), interruptDue(b)]).toEqual([false, true]);
    expect(acknowledge(b)).toBe(IPI_CALL_FUNC | IRQ_TIMER);
    expect([interruptDue(b), acknowledge(b), a.counts[IPIS]]).toEqual([false, 0, 1]);
  });

  it('waits while it is masked', () => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    raise(a, 1, IPI_RESCHEDULE);
    expect([b.irqMasked, interruptDue(b)]).toEqual([true, false]);
    b.irqMasked = false;
    expect(interruptDue(b)).toBe(true);
  });

  it('stops a CPU on threads between two instructions, when its credit is used up and not before', () => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    b.irqMasked = false;
    raise(a, 1, IPI_RESCHEDULE);
    b.credit = 2;
    expect(stopOf(() => run(isb(b)))).toBeUndefined();
    expect(stopOf(() => run(isb(b)))).toBeUndefined();
    expect(stopOf(() => run(isb(b)))).toMatchObject({ kind: 'preempt' });
    b.irqMasked = true;
    b.credit = 0;
    expect(stopOf(() => run(isb(b)))).toBeUndefined();
  });

  it('wakes a CPU that sleeps in WFI, masked or not', async () => {
    const [a, b] = smallMachine().cpus as [Cpu, Cpu];
    const point = stopOf(() => run(wfi(b, 'idle')))!;
    expect(point).toMatchObject({ kind: 'wait', expected: 0, reason: 'idle' });
    expect(point.word).toBe(b.words.byteOffset / 4 + CPU_IRQ_PENDING);
    const woken = Atomics.waitAsync(b.memory.int32, point.word, point.expected, 5000);
    raise(a, 1, IPI_RESCHEDULE);
    expect(await woken.value).toBe('ok');
    expect(stopOf(() => run(wfi(b, 'idle')))).toBeUndefined();
    expect(a.dvm.cpuWords[CPU_WORDS + CPU_IRQ_PENDING]).toBe(IPI_RESCHEDULE);
  });
});
