import type { Cpu } from '../../hardware/cpu.ts';
import { IRQ_DEVICE, IRQ_TIMER } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { deferred, irqEnter, irqExit, localIrqRestore, localIrqSave } from './preempt.ts';
import { asThread } from './task.ts';

/**
 * What interrupts do on top of whatever ran, and what they leave to be done on the way out. Linux: kernel/irq/handle.c, kernel/softirq.c.
 *
 * A device's handler runs with interrupts masked; under PREEMPT_RT it is a thread's work as well (threadirqs).
 *
 * A softirq runs in interrupt context and may not sleep, but other interrupts may come. Under PREEMPT_RT it is a thread's work:
 * it may sleep, and waits while preemption is disabled; in_interrupt() is true in it all the same.
 */

/** What the softirqs of one CPU do. The lab has one kind, and the timer raises it. */
export type Softirq = (cpu: Cpu, k: Kernel) => Op;

/** What interrupts of one CPU do, where they do anything. */
export interface Handlers {
  /** Of the device (`IRQ_DEVICE`), in hard interrupt context. */
  readonly irq?: Softirq | undefined;
  readonly softirq?: Softirq | undefined;
}

/** Linux: gic_handle_irq(); raise_softirq_irqoff(), as the timer's handler calls it. `pending`: what was acknowledged. */
export function interruptTaken(k: Kernel, pending: number): void {
  if ((pending & IRQ_DEVICE) !== 0) k.percpu.irqPending = true;
  if ((pending & IRQ_TIMER) !== 0) k.percpu.softirqPending = true;
}

/** Linux: el1_interrupt(), handle_irq_event(): the device's handler, once however often the line was raised meanwhile. */
export function* doIrq(cpu: Cpu, k: Kernel, handler: Softirq): Op {
  const { percpu } = k;
  if (!percpu.irqPending) return;
  if (!k.config.preemptRt) {
    percpu.irqPending = false;
    yield* inHardirq(cpu, k, handler);
  } else if (!percpu.irqThreadRuns && !deferred(k)) yield* irqThread(cpu, k, handler);
}

/** Linux: irq_thread(): an interrupt has one, which goes round again if it was woken while it ran. */
function* irqThread(cpu: Cpu, k: Kernel, handler: Softirq): Op {
  const { percpu } = k;
  percpu.irqThreadRuns = true;
  while (percpu.irqPending) {
    percpu.irqPending = false;
    yield* asThread(k, handler(cpu, k));
  }
  percpu.irqThreadRuns = false;
}

function* inHardirq(cpu: Cpu, k: Kernel, handler: Softirq): Op {
  const masked = localIrqSave(cpu, k, 'el1_interrupt()');
  irqEnter(k, 'hardirq');
  yield* handler(cpu, k);
  irqExit(cpu, k, 'hardirq');
  localIrqRestore(cpu, masked);
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
