import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { acknowledge, IPI_RESCHEDULE, IRQ_DEVICE, IRQ_TIMER } from '../../../src/hardware/interrupt.ts';
import { handleInterrupt } from '../../../src/kernel/boot/boot.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { inInterrupt, preemptDisable, preemptEnable } from '../../../src/kernel/locking/preempt.ts';
import { interruptTaken, type Softirq } from '../../../src/kernel/locking/softirq.ts';
import { enterLazyMmuMode, leaveLazyMmuMode } from '../../../src/kernel/tables/lazy-mmu.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { runToEnd } from '../interleaved.ts';

interface Ran {
  readonly inInterrupt: boolean;
  readonly preemptDisabledBy: readonly string[];
  readonly lazyMmu: boolean;
}

function ready(config: Partial<KernelConfig> = {}) {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 1 });
  const { cpu, k } = bootCpu(board, config);
  const ran: Ran[] = [];
  const noting: Softirq = function* (_cpu, { percpu }) {
    ran.push({
      inInterrupt: inInterrupt(k),
      preemptDisabledBy: [...percpu.preemptDisabledBy],
      lazyMmu: percpu.lazyMmu,
    });
  };
  const interrupt = (bits: number, softirq: Softirq = noting): void => {
    interruptTaken(k, bits);
    runToEnd(handleInterrupt(cpu, k, { softirq }));
  };
  return { cpu, k, ran, noting, interrupt };
}

describe('a softirq', () => {
  test('runs once after the timer, in interrupt context and not preemptible, and after no other interrupt', () => {
    const { k, ran, interrupt } = ready();
    interrupt(IPI_RESCHEDULE);
    expect(ran).toEqual([]);
    interrupt(IRQ_TIMER | IPI_RESCHEDULE);
    interrupt(IPI_RESCHEDULE);
    expect(ran).toEqual([{ inInterrupt: true, preemptDisabledBy: ['softirq'], lazyMmu: false }]);
    expect([inInterrupt(k), k.percpu.preemptDisabledBy]).toEqual([false, []]);
  });

  test('runs where preemption is disabled, and sees what the task underneath is in', () => {
    const { k, ran, interrupt } = ready();
    preemptDisable(k, 'spin_lock(&x)');
    enterLazyMmuMode(k);
    interrupt(IRQ_TIMER);
    expect(ran).toEqual([{ inInterrupt: true, preemptDisabledBy: ['softirq', 'spin_lock(&x)'], lazyMmu: true }]);
  });

  test('that is raised while it runs runs again afterwards, and not on top of itself', () => {
    const { ran, noting, interrupt } = ready();
    let depth = 0;
    let first = true;
    interrupt(IRQ_TIMER, function* (cpu: Cpu, k: Kernel) {
      expect(++depth).toBe(1);
      if (first) {
        first = false;
        interruptTaken(k, IRQ_TIMER);
        yield* handleInterrupt(cpu, k, { softirq: noting }); // the interrupt comes while this runs
        expect(ran).toEqual([]);
      } else yield* noting(cpu, k);
      depth--;
    });
    expect(ran).toHaveLength(1);
  });
});

describe('a softirq under PREEMPT_RT', () => {
  const RT = { preemptRt: true };

  test('is in_interrupt() and may be preempted; lazy MMU mode is the task’s that it preempts, and comes back to it', () => {
    const { cpu, k, ran, interrupt } = ready(RT);
    enterLazyMmuMode(k);
    k.percpu.lazyMmuPending = true;
    interrupt(IRQ_TIMER);
    expect(ran).toEqual([{ inInterrupt: true, preemptDisabledBy: [], lazyMmu: false }]);
    expect([k.percpu.lazyMmu, k.percpu.lazyMmuPending, inInterrupt(k)]).toEqual([true, true, false]);
    complete(leaveLazyMmuMode(cpu, k));
    expect([k.percpu.lazyMmu, k.percpu.lazyMmuPending, k.percpu.lazyMmuDepth]).toEqual([false, false, 0]);
  });

  test('waits while preemption is disabled, and is not forgotten', () => {
    const { cpu, k, ran, interrupt } = ready(RT);
    preemptDisable(k, 'raw_spin_lock(&x)');
    interrupt(IRQ_TIMER);
    expect([ran.length, acknowledge(cpu)]).toEqual([0, 0]);
    preemptEnable(cpu, k, 'raw_spin_lock(&x)');
    expect(acknowledge(cpu)).toBe(IPI_RESCHEDULE);
    interrupt(IPI_RESCHEDULE);
    expect(ran).toHaveLength(1);
  });
});

describe("a device's interrupt under PREEMPT_RT", () => {
  test('is one thread: raised while that runs, it runs again afterwards, and not on top of itself', () => {
    const { cpu, k } = ready({ preemptRt: true });
    const depths: number[] = [];
    let depth = 0;
    const irq: Softirq = function* () {
      depths.push(++depth);
      if (depths.length === 1) {
        interruptTaken(k, IRQ_DEVICE);
        yield* handleInterrupt(cpu, k, { irq });
        expect(depths).toEqual([1]);
      }
      depth--;
    };
    interruptTaken(k, IRQ_DEVICE);
    runToEnd(handleInterrupt(cpu, k, { irq }));
    expect(depths).toEqual([1, 1]);
  });
});
