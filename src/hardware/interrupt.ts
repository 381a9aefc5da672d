import type { Cpu } from './cpu.ts';
import { CPU_WORDS } from './memory/layout.ts';
import { CPU_IRQ_PENDING } from './tlbi/dvm.ts';
import { synchroniseContext } from './translation/context.ts';

/** Interrupts a CPU can have pending, as bits of its pending word. */
export const IPI_RESCHEDULE = 1;
export const IPI_CALL_FUNC = 2;
export const IPI_CPU_STOP = 4;
export const IRQ_TIMER = 8;
/** Some device: its handler is the scenario's. */
export const IRQ_DEVICE = 16;

/** An interrupt is pending and the CPU takes interrupts. Under a scheduler nobody else runs, and this is asked at every point. */
export function interruptDue({ irqMasked, controlled, words }: Cpu): boolean {
  if (irqMasked) return false;
  return (controlled ? words[CPU_IRQ_PENDING] : Atomics.load(words, CPU_IRQ_PENDING)) !== 0;
}

/** Takes the exception, and reads and clears what is pending. What was fetched of the interrupted program is discarded. */
export function acknowledge(cpu: Cpu): number {
  synchroniseContext(cpu);
  const pending = Atomics.exchange(cpu.words, CPU_IRQ_PENDING, 0);
  Atomics.notify(cpu.words, CPU_IRQ_PENDING); // whoever waits for it to be taken
  return pending;
}

/** ERET: back to what was interrupted, which is fetched anew. */
export function exceptionReturn(cpu: Cpu): void {
  synchroniseContext(cpu);
}

/** Makes interrupts pending on CPU `target`, and wakes it if it sleeps. */
export function raise(cpu: Cpu, target: number, bits: number): void {
  const word = target * CPU_WORDS + CPU_IRQ_PENDING;
  Atomics.or(cpu.dvm.cpuWords, word, bits);
  Atomics.notify(cpu.dvm.cpuWords, word);
}

/**
 * The CPU's own timer, or a device (`bits`): its interrupt is pending from here on. On threads, where a CPU looks for interrupts now and then only,
 * it looks within the next `within` instructions; a scheduler decides by itself when it is taken.
 */
export function armTimer(cpu: Cpu, within: number, bits = IRQ_TIMER): void {
  raise(cpu, cpu.id, bits);
  if (!cpu.controlled) cpu.credit = Math.min(cpu.credit, cpu.choose(within, 'interrupt'));
}
