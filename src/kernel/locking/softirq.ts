import type { Cpu } from '../../hardware/cpu.ts';
import { IRQ_TIMER } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { deferred, irqEnter, irqExit } from './preempt.ts';
import { asThread } from './task.ts';

/**
 * What interrupts leave to be done on the way out, on top of whatever ran. Linux: kernel/softirq.c.
 *
 * A softirq runs in interrupt context and may not sleep, but other interrupts may come. Under PREEMPT_RT it is a thread's work:
 * it may sleep, and waits while preemption is disabled; in_interrupt() is true in it all the same.
 */

/** What the softirqs of one CPU do. The lab has one kind, and the timer raises it. */
export type Softirq = (cpu: Cpu, k: Kernel) => Op;

/** Linux: raise_softirq_irqoff(), as the hard interrupt's own handler calls it. `pending`: what was acknowledged. */
export function interruptTaken(k: Kernel, pending: number): void {
  if ((pending & IRQ_TIMER) !== 0) k.percpu.softirqPending = true;
}

/**
 * Linux: irq_exit(), __do_softirq(): until nothing is pending any more. Not on top of itself: what is raised while a softirq
 * runs is left to that.
 */
export function* doSoftirq(cpu: Cpu, k: Kernel, softirq: Softirq): Op {
  const { percpu } = k;
  while (percpu.softirqPending && percpu.interruptDepth === 0) {
    if (!k.config.preemptRt) {
      percpu.softirqPending = false;
      yield* inSoftirq(cpu, k, softirq);
    } else {
      if (deferred(k)) return;
      percpu.softirqPending = false;
      yield* asThread(k, inSoftirq(cpu, k, softirq));
    }
  }
}

function* inSoftirq(cpu: Cpu, k: Kernel, softirq: Softirq): Op {
  irqEnter(k, 'softirq');
  yield* softirq(cpu, k);
  irqExit(cpu, k, 'softirq');
}
