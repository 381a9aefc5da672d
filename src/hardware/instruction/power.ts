import { boundary } from '../boundary.ts';
import { type Cpu, resetCpu } from '../cpu.ts';
import { CPU_WORDS } from '../memory/layout.ts';
import type { Op } from '../op.ts';
import { drainEverything } from '../store-buffer/drain.ts';
import { CPU_POWER } from '../tlbi/dvm.ts';
import { waitForWord } from './wait.ts';

/** PSCI, as far as hotplug needs it. */

/** PSCI CPU_ON: the target starts its reset program. */
export function* cpuOn(cpu: Cpu, target: number): Op {
  const stop = boundary(cpu, 'ipi', target);
  if (stop !== undefined) yield stop;
  const word = target * CPU_WORDS + CPU_POWER;
  Atomics.store(cpu.dvm.cpuWords, word, 1);
  Atomics.notify(cpu.dvm.cpuWords, word);
}

/** PSCI CPU_OFF: caches nothing, walks nothing, and does not come back. */
export function* cpuOff(cpu: Cpu): Op {
  const stop = boundary(cpu, 'ipi', cpu.id);
  if (stop !== undefined) yield stop;
  drainEverything(cpu);
  resetCpu(cpu);
  Atomics.store(cpu.words, CPU_POWER, 0);
  Atomics.notify(cpu.words, CPU_POWER);
}

/** PSCI AFFINITY_INFO: waits until the target is off. */
export function* waitUntilOff(cpu: Cpu, target: number): Op {
  const word = (cpu.dvm.cpuWords.byteOffset >> 2) + target * CPU_WORDS + CPU_POWER;
  while (Atomics.load(cpu.memory.int32, word) !== 0) yield* waitForWord(cpu, word, 1, `CPU ${target} to be off`);
}
