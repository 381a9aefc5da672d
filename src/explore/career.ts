import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import { boot, bringUpNonbootCpus, idle, smpCpusDone, stopper } from '../kernel/boot.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Program } from '../scenario/scenario.ts';

/** Which programs a CPU runs, one after the other: what the cpu chart invokes, for drivers without the chart. */
export interface Career {
  readonly programs: readonly Program[];
  /** How many of them come before the system is brought up: here every CPU can be stopped with nothing half done. */
  readonly landing: number;
  /** What an interrupt starts, on top of whatever runs. */
  readonly interrupted: (cpu: Cpu, kernel: Kernel) => Op;
}

/** The career of a CPU of a booting board; `work` is what it does once the system is up. */
export function bootingCareer(cpu: number, lateCpus: readonly number[], work: Program): Career {
  const late = lateCpus.includes(cpu);
  return cpu === 0
    ? { programs: [boot, bringUpNonbootCpus, smpCpusDone, idle, work], landing: 2, interrupted: stopper }
    : { programs: [boot, idle, work], landing: late ? 0 : 1, interrupted: stopper };
}
