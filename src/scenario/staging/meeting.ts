import type { Cpu } from '../../hardware/cpu.ts';
import { waitForWord } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Program } from '../scenario.ts';

/**
 * All wait until all are there, as often as they come. Not an instruction: nothing of the simulated machine does it; it brings about
 * an interleaving that the host's threads would seldom come to.
 */

/** Words of `memory.control`: how many have to come, 0 where nobody is held up; how many have come, all times together. */
const CONTROL_EXPECTED = 21;
const CONTROL_ARRIVED = 22;

/** From here on whoever comes waits for the others: `cpus` of them, or all that come up early where there are fewer. */
export function armMeeting({ memory }: Cpu, { board }: Kernel, cpus: number): void {
  Atomics.store(memory.control, CONTROL_EXPECTED, Math.min(cpus, board.cpus.length - board.lateCpus.length));
}

/** Goes on at once where nobody has armed it, or all have been here. */
export function* meet(cpu: Cpu): Op {
  const { control } = cpu.memory;
  const expected = Atomics.load(control, CONTROL_EXPECTED);
  if (expected === 0) return;
  const others = Atomics.add(control, CONTROL_ARRIVED, 1);
  const complete = (Math.floor(others / expected) + 1) * expected;
  Atomics.notify(control, CONTROL_ARRIVED);
  const word = (control.byteOffset >> 2) + CONTROL_ARRIVED;
  for (;;) {
    const arrived = Atomics.load(control, CONTROL_ARRIVED);
    if (arrived >= complete) return;
    yield* waitForWord(cpu, word, arrived, 'the others to come as far');
  }
}

/** For a CPU that comes late, and is not counted: until the others have all come once. They must have armed it, or be about to. */
export function* untilOthersMet(cpu: Cpu): Op {
  const { control } = cpu.memory;
  const word = (control.byteOffset >> 2) + CONTROL_ARRIVED;
  for (;;) {
    const arrived = Atomics.load(control, CONTROL_ARRIVED);
    const expected = Atomics.load(control, CONTROL_EXPECTED);
    if (expected > 0 && arrived >= expected) return;
    yield* waitForWord(cpu, word, arrived, 'the others to meet');
  }
}

/** Everybody waits for everybody. */
export const allTogether: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  yield* meet(cpu);
};
