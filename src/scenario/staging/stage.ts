import type { Cpu } from '../../hardware/cpu.ts';
import { waitForWord } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';

/**
 * One CPU waits until another has come to a numbered stage of the story. Not an instruction: nothing of the simulated machine does
 * it; it brings about an interleaving that the host's threads would seldom come to. Where nobody has begun, nobody is held up.
 */

/** Word of `memory.control`: the stage that has been reached; 0 where CPUs do not go in turns. */
const CONTROL_STAGE = 26;

/** The stage is reached; those that come before it as well. */
export function reach({ memory: { control } }: Cpu, stage: number): void {
  for (let now = Atomics.load(control, CONTROL_STAGE); now < stage; ) {
    const before = Atomics.compareExchange(control, CONTROL_STAGE, now, stage);
    if (before === now) break;
    now = before;
  }
  Atomics.notify(control, CONTROL_STAGE);
}

/** The stage that has been reached. */
export function stageOf({ memory: { control } }: Cpu): number {
  return Atomics.load(control, CONTROL_STAGE);
}

/** Goes on once the stage has been reached. */
export function* until(cpu: Cpu, stage: number): Op {
  const { control } = cpu.memory;
  const word = (control.byteOffset >> 2) + CONTROL_STAGE;
  for (let now = stageOf(cpu); now < stage; now = stageOf(cpu))
    yield* waitForWord(cpu, word, now, `stage ${stage} of those that go in turns`);
}
