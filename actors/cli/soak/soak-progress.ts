import type { WriteStream } from 'node:tty';
import { countsOf } from '../../../src/hardware/system.ts';
import type { Progress } from '../../thread/board-run.ts';
import type { Round, SoakTotals } from '../../thread/soak.ts';
import { clockText } from '../terminal/clock.ts';
import { boardText, type SoakRequest } from './soak-request.ts';

/** How a soak is getting on, and what memory it takes meanwhile. */

/** Resident memory of the process, workers included, in bytes. */
export interface MemoryUse {
  readonly start: number;
  readonly max: number;
  readonly end: number;
}

/** The line that shows how a soak is getting on. */
export interface SoakProgress {
  round(round: Round, totals: SoakTotals): void;
  show(progress: Progress): void;
  /** Takes the line away, so that something else can be said. */
  clear(): void;
  memory(): MemoryUse;
}

const TERMINAL_EVERY_MS = 250;
const OTHERWISE_EVERY_MS = 10_000;

/** On a terminal one line, written over and over; elsewhere a line now and then. */
export function soakProgress(stream: WriteStream, { forMs }: SoakRequest): SoakProgress {
  const isTerminal = stream.isTTY === true;
  const everyMs = isTerminal ? TERMINAL_EVERY_MS : OTHERWISE_EVERY_MS;
  const began = performance.now();
  const start = process.memoryUsage.rss();
  let max = start;
  let round: Round | undefined;
  let totals: SoakTotals | undefined;
  let last = { at: began, accesses: 0, tlbis: 0 };
  let sampledAt = began;
  const sample = (): number => {
    const now = process.memoryUsage.rss();
    max = Math.max(max, now);
    return now;
  };
  return {
    round(next, sum) {
      round = next;
      totals = sum;
    },
    show({ machine }) {
      const now = performance.now();
      if (now - sampledAt >= TERMINAL_EVERY_MS) {
        sampledAt = now;
        sample();
      }
      if (now - last.at < everyMs || round === undefined || totals === undefined) return;
      const running = countsOf(machine);
      const at = {
        at: now,
        accesses: totals.counts.accesses + running.accesses,
        tlbis: totals.counts.tlbis + running.tlbis,
      };
      const perSecond = (count: number): number => (1000 * count) / (at.at - last.at);
      const line = [
        `round ${round.round}`,
        ...(totals.violated > 0 ? [`${totals.violated} violated`] : []),
        `${round.scenario.name} on ${boardText(round.board)}`,
        `${short(perSecond(at.accesses - last.accesses))} accesses/s`,
        `${short(perSecond(at.tlbis - last.tlbis))} TLBIs/s`,
        forMs === undefined ? clockText(now - began) : `${clockText(Math.max(0, forMs - (now - began)))} left`,
        `${megabytes(sample())} resident`,
      ].join(' · ');
      last = at;
      stream.write(isTerminal ? `\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`);
    },
    clear() {
      if (isTerminal) stream.write('\r\x1b[K');
    },
    memory() {
      const end = sample();
      return { start, max, end };
    },
  };
}

/** 1.2 k, 34 M. */
function short(value: number): string {
  for (const [unit, factor] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (value >= factor) return `${(value / factor).toFixed(value < 10 * factor ? 1 : 0)} ${unit}`;
  return value.toFixed(0);
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
