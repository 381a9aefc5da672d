import type { ProgramName } from '../check/chart/chart-events.ts';
import { boot, bringUpNonbootCpus, handleInterrupt, idle, smpCpusDone } from '../kernel/boot/boot.ts';
import type { Handlers } from '../kernel/locking/softirq.ts';
import type { Program } from '../scenario/scenario.ts';

/** One of the programs a CPU runs one after the other, and the program of its chart that is finished with it. */
export interface Stage {
  readonly program: Program;
  readonly finishes?: ProgramName;
}

/** Which programs a CPU runs: what the cpu chart invokes, for drivers without actors. The chart judges each step of it. */
export interface Career {
  readonly stages: readonly Stage[];
  /** How many of them come before the system is brought up: here every CPU can be stopped with nothing half done. */
  readonly landing: number;
  /** What an interrupt starts, on top of whatever runs. */
  readonly handler: Program;
}

/**
 * The career of a CPU of a booting board; `work` is what it does once the system is up. `landsBooted`: where the system runs, and
 * not where its capabilities are about to be final.
 */
export function bootingCareer(
  cpu: number,
  lateCpus: readonly number[],
  work: Program,
  handlers: Handlers,
  landsBooted: boolean,
): Career {
  const handler = handling(handlers);
  const booting: Stage = { program: boot, finishes: 'boot' };
  const bringingUp: Stage[] = [{ program: bringUpNonbootCpus }, { program: smpCpusDone, finishes: 'bringUp' }];
  const working: Stage[] = [
    { program: idle, finishes: 'idle' },
    { program: work, finishes: 'work' },
  ];
  if (cpu === 0) return { stages: [booting, ...bringingUp, ...working], landing: landsBooted ? 3 : 2, handler };
  return { stages: [booting, ...working], landing: lateCpus.includes(cpu) && !landsBooted ? 0 : 1, handler };
}

/** One program and nothing else. */
export function bareCareer(program: Program): Career {
  return { stages: [{ program }], landing: 0, handler: handling({}) };
}

function handling(handlers: Handlers): Program {
  return (cpu, k) => handleInterrupt(cpu, k, handlers);
}
