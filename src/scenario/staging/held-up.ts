import type { Cpu } from '../../hardware/cpu.ts';
import { waitForWord } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import type { KernelText } from '../../kernel/kernel.ts';
import { leastAble } from './least-able.ts';

/**
 * One CPU is held up until somebody waits for it: it comes late for a text that does not wait, in every run, and merely late for one
 * that does. So here, in the repaint, between the stop and the idmap, where interrupts are already off: firmware has taken the core
 * away, or it is slow, which is no fault of the kernel's. It comes back when the boot CPU begins to wait, or has painted without it.
 */
export function heldUp(text: KernelText): KernelText {
  const { repaint } = text;
  return {
    ...text,
    repaint: {
      ...repaint,
      *waitForBootCpu(cpu, k) {
        if (cpu.id === leastAble(k)) yield* beHeldUp(cpu);
        yield* repaint.waitForBootCpu(cpu, k);
      },
      *waitForSecondaries(cpu, k) {
        letGo(cpu);
        yield* repaint.waitForSecondaries(cpu, k);
      },
      *flush(cpu, k) {
        letGo(cpu);
        yield* repaint.flush(cpu, k);
      },
    },
  };
}

/** Word of `memory.control`: 1 once nothing holds the CPU up any more. */
const CONTROL_LET_GO = 20;

function wordOfLetGo({ memory }: Cpu): number {
  return (memory.control.byteOffset >> 2) + CONTROL_LET_GO;
}

/** Until somebody lets it go. Not an instruction either. */
export function* beHeldUp(cpu: Cpu): Op {
  while (Atomics.load(cpu.memory.control, CONTROL_LET_GO) === 0)
    yield* waitForWord(cpu, wordOfLetGo(cpu), 0, 'what holds it up to end');
}

/** Not an instruction: nothing of the simulated machine does it. Whoever waits for the CPU lets it go. */
export function letGo({ memory }: Cpu): void {
  Atomics.store(memory.control, CONTROL_LET_GO, 1);
  Atomics.notify(memory.control, CONTROL_LET_GO);
}
