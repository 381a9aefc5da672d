import { FAULTS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';

/** Stops this CPU for good: `panic()`. */
export function* halt(cpu: Cpu, reason: string): Op {
  for (;;) {
    cpu.point.kind = 'halt';
    cpu.point.reason = reason;
    yield cpu.point;
  }
}

/** An exception that nobody handles: the CPU never runs again. Throws a RangeError for what is no address at all. */
export function* die(cpu: Cpu, va: number, code: number, right: number): Op<never> {
  if (!Number.isInteger(va)) throw new RangeError(`${va} is not an address`);
  cpu.counts[FAULTS]!++;
  cpu.step = note(cpu.trace, 'fault', code, va, BigInt(right));
  cpu.observer.faultTaken(cpu, va, code, right);
  yield* halt(cpu, 'an exception that nobody handles');
  throw new Error('a halted CPU was run again');
}
