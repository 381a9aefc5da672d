import { type StuckCpu, stallViolation } from '../../src/check/progress.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { CpuView } from './view.ts';

/** Looks at the machine again and again; answers with a violation once nothing has moved for `stallMs`. */
export type Watchdog = (nowMs: number, cpus: readonly CpuView[]) => Violation | undefined;

export function createWatchdog(stallMs: number): Watchdog {
  let last = '';
  let since = Number.NaN;
  return (nowMs, cpus) => {
    const seen = cpus.map(({ progress, status }) => `${progress}${status}`).join();
    if (seen !== last) {
      last = seen;
      since = nowMs;
      return undefined;
    }
    if (nowMs - since < stallMs) return undefined;
    return stallViolation(cpus.map(stuck), nowMs - since);
  };
}

function stuck({ cpu, status, state, waitsFor }: CpuView): StuckCpu {
  return { cpu, status, state, waitsFor };
}
