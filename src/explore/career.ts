import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import { boot, bringUp, idle, stopper } from '../kernel/boot.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Mark } from '../kernel/marks.ts';
import type { Program } from '../scenario/scenario.ts';

/** Which program a CPU runs after which: what the cpu chart invokes, for drivers without the chart. */
export interface Career {
  /** The program that follows the one that has ended; undefined: the CPU only answers interrupts, or nothing any more. */
  readonly following: () => Op | undefined;
  /** What an interrupt starts, on top of whatever runs. */
  readonly interrupted: () => Op;
  /** A milestone that changes what comes next. */
  readonly marked: (mark: Mark) => void;
  readonly ended: () => boolean;
}

export function careerOf(cpu: Cpu, kernel: Kernel, work: Program): Career {
  const programs: (() => Op)[] = [
    () => boot(cpu, kernel),
    ...(cpu.id === 0 ? [() => bringUp(cpu, kernel)] : []),
    () => idle(cpu, kernel),
    () => work(cpu, kernel),
  ];
  let refused = false;
  return {
    following: () => (refused ? undefined : programs.shift()?.()),
    interrupted: () => stopper(cpu, kernel),
    marked: (mark) => {
      if (mark === 'features.refused') refused = true;
    },
    ended: () => refused || programs.length === 0,
  };
}
