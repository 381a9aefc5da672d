import type { Cpu } from '../../hardware/cpu.ts';
import { IPI_RESCHEDULE, raise } from '../../hardware/interrupt.ts';
import type { Kernel } from '../kernel.ts';

/**
 * Atomic context: where a CPU may not sleep, because preemption is disabled or interrupts are. Linux:
 * include/linux/preempt.h, include/linux/irqflags.h.
 *
 * Lazy MMU mode is none. Other architectures disable preemption in it; arm64 keeps it per task and lets it sleep. Linux:
 * split_kernel_leaf_mapping(), arch/arm64/mm/mmu.c, whose comment says so, and which allocates with GFP_PGTABLE_KERNEL there.
 */

/** Linux: preempt_disable(). `by`: what did it, as reports name it; the pair says the same. */
export function preemptDisable(k: Kernel, by: string): void {
  k.percpu.preemptDisabledBy.unshift(by);
}

/** Linux: preempt_enable(). The last one lets the stopper run, if it was woken meanwhile: pairs with `deferred`. */
export function preemptEnable(cpu: Cpu, k: Kernel, by: string): void {
  const { percpu } = k;
  const at = percpu.preemptDisabledBy.indexOf(by);
  if (at >= 0) percpu.preemptDisabledBy.splice(at, 1);
  if (percpu.preemptDisabledBy.length > 0 || !percpu.needResched) return;
  percpu.needResched = false;
  raise(cpu, cpu.id, IPI_RESCHEDULE);
}

/**
 * Linux: irq_enter(), __local_bh_disable_ip(): a handler begins, on top of whatever ran. `by`: which, as reports name it. Under
 * PREEMPT_RT handlers are threads, which may be preempted.
 */
export function irqEnter(k: Kernel, by: string): void {
  k.percpu.interruptDepth++;
  if (!k.config.preemptRt) preemptDisable(k, by);
}

/** Linux: irq_exit(): pairs with `irqEnter` of the same name. */
export function irqExit(cpu: Cpu, k: Kernel, by: string): void {
  k.percpu.interruptDepth--;
  if (!k.config.preemptRt) preemptEnable(cpu, k, by);
}

/** Linux: in_interrupt(). */
export function inInterrupt(k: Kernel): boolean {
  return k.percpu.interruptDepth > 0;
}

/** True where a thread that an interrupt woke has to wait: preemption is disabled. `preemptEnable` makes up for it. */
export function deferred(k: Kernel): boolean {
  if (k.percpu.preemptDisabledBy.length === 0) return false;
  k.percpu.needResched = true;
  return true;
}

/** Linux: local_irq_save(): returns what `localIrqRestore` is to be given. `by`: what did it. */
export function localIrqSave(cpu: Cpu, k: Kernel, by: string): boolean {
  const masked = cpu.irqMasked;
  cpu.irqMasked = true;
  if (!masked) k.percpu.irqsDisabledBy = by;
  return masked;
}

/** Linux: local_irq_restore(). */
export function localIrqRestore(cpu: Cpu, masked: boolean): void {
  cpu.irqMasked = masked;
}

/** Linux: might_sleep(). `what`: the function that says it of itself. */
export function mightSleep(cpu: Cpu, k: Kernel, what: string): void {
  const { preemptDisabledBy, irqsDisabledBy } = k.percpu;
  cpu.observer.mightSleep(cpu, what, {
    preemptDisabledBy,
    irqsDisabledBy: cpu.irqMasked ? irqsDisabledBy : undefined,
  });
}
