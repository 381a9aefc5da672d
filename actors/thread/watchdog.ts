import { type StuckCpu, stallViolation } from '../../src/check/progress.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { Machine } from '../../src/hardware/system.ts';
import { type CpuView, viewCpus } from './view.ts';

/**
 * Looks at the machine again and again; answers with a violation once nothing has moved for `stallMs`. `movement`: any
 * number that changes when something moves.
 */
export type Watchdog = (nowMs: number, movement: string) => Violation | undefined;

export function createWatchdog(machine: Machine, stallMs: number): Watchdog {
  let last = '';
  let since = Number.NaN;
  return (nowMs, movement) => {
    if (movement !== last) {
      last = movement;
      since = nowMs;
      return undefined;
    }
    if (nowMs - since < stallMs) return undefined;
    return stallViolation(viewCpus(machine).map(stuck), nowMs - since);
  };
}

function stuck({ cpu, status, state, waitsFor }: CpuView): StuckCpu {
  return { cpu, status, state, waitsFor };
}
