import { pointAt } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { interruptDue } from '../interrupt.ts';
import { wordOf } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { CPU_IRQ_PENDING } from '../tlbi/dvm.ts';
import { translate } from '../translation/access.ts';
import { readRight } from '../translation/writable.ts';
import { die } from './exception.ts';

/** SEVL: sets this CPU's own event register. */
export function sevl(cpu: Cpu): void {
  cpu.eventRegister = true;
}

/** WFE: returns at once if the event register is set, else when the monitored word changes. May return early. */
export function* wfe(cpu: Cpu, reason: string): Op {
  if (cpu.eventRegister) {
    cpu.eventRegister = false;
    return;
  }
  yield* waitForWord(cpu, cpu.monitorWord, cpu.monitorValue, reason);
}

/** WFI: returns when an interrupt is pending, masked or not. */
export function* wfi(cpu: Cpu, reason: string): Op {
  const word = (cpu.words.byteOffset >> 2) + CPU_IRQ_PENDING;
  if (Atomics.load(cpu.memory.int32, word) === 0) yield* waitForWord(cpu, word, 0, reason);
  if (interruptDue(cpu)) yield pointAt(cpu, 'preempt', 0);
}

/** A polite spin: returns once the word at `va` may no longer hold `seen`. */
export function* relaxWhile(cpu: Cpu, va: number, seen: bigint, reason: string): Op {
  const pa = translate(cpu, va, readRight(cpu));
  if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
  yield* waitForWord(cpu, wordOf(cpu.memory, pa) * 2, Number(BigInt.asIntN(32, seen)), reason, va);
}

/** Waits until 32-bit word `word` of the machine no longer holds `expected`. */
export function* waitForWord(cpu: Cpu, word: number, expected: number, reason: string, va = 0): Op {
  const { point } = cpu;
  point.kind = 'wait';
  point.address = va;
  point.word = word;
  point.expected = expected;
  point.reason = reason;
  yield point;
}
