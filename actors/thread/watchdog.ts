import { repetitionViolation, type StuckCpu, stallViolation } from '../../src/check/progress/progress.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { Machine } from '../../src/hardware/system.ts';
import { type CpuView, viewCpus } from './view.ts';

/** What a look at the machine finds: words that change when anything moves, and when anything new happens. */
export interface Look {
  /** Not all workers are up: how long that takes is the host's business. */
  readonly starting: boolean;
  readonly movement: string;
  readonly news: string;
}

/**
 * Looks at the machine again and again. Answers with a violation once nothing has moved for `stallMs`, or nothing new has
 * happened for `PATIENCE` times as long.
 */
export type Watchdog = (nowMs: number, look: Look) => Violation | undefined;

/**
 * A loop over the same few words may be long work, or a hand-over about to end: it gets this many times as long. So does a
 * host that has to start many workers.
 */
export const PATIENCE = 10;

export function createWatchdog(machine: Machine, stallMs: number): Watchdog {
  const still = stopwatch();
  const repeating = stopwatch();
  return (nowMs, { starting, movement, news }) => {
    const stillMs = still(nowMs, movement);
    const repeatingMs = repeating(nowMs, news);
    if (stillMs >= (starting ? PATIENCE : 1) * stallMs) return stallViolation(viewCpus(machine).map(stuck), stillMs);
    if (repeatingMs >= PATIENCE * stallMs) return repetitionViolation(viewCpus(machine).map(stuck), repeatingMs);
    return undefined;
  };
}

/** For how long it has been told the same. */
function stopwatch(): (nowMs: number, what: string) => number {
  let last: string | undefined;
  let since = 0;
  return (nowMs, what) => {
    if (what !== last) {
      last = what;
      since = nowMs;
    }
    return nowMs - since;
  };
}

function stuck({ cpu, status, state, waitsFor, touched }: CpuView): StuckCpu {
  return { cpu, status, state, waitsFor, touched };
}
