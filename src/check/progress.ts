import type { Violation } from './violation.ts';

/** What one CPU was doing when nothing moved any more. */
export interface StuckCpu {
  readonly cpu: number;
  /** Where it stands: waiting for a word to change, running, stopped by an exception, or gone. */
  readonly status: 'waiting' | 'running' | 'halted' | 'done' | 'off' | 'gone';
  /** State of its chart, and what it waits for. */
  readonly state: string;
  readonly waitsFor: string;
}

/**
 * A machine that makes no progress: a deadlock when every CPU that still has something to do waits (or has died), a
 * hung CPU when one runs on without getting anywhere. Names who waits for what.
 */
export function stallViolation(cpus: readonly StuckCpu[], stalledMs: number): Violation {
  const waiting = cpus.filter(({ status }) => status === 'waiting');
  const running = cpus.filter(({ status }) => status === 'running' || status === 'gone');
  const first = running[0] ?? waiting.find(({ waitsFor }) => !IDLE.has(waitsFor)) ?? waiting[0];
  const property = running.length > 0 ? 'hung' : 'deadlock';
  const message =
    running.length > 0
      ? `CPU ${running[0]!.cpu} has not got anywhere for ${Math.round(stalledMs)} ms, in state ${running[0]!.state}`
      : `nobody can go on: ${waiting
          .filter(({ waitsFor }) => !IDLE.has(waitsFor))
          .slice(0, 3)
          .map(({ cpu, waitsFor }) => `CPU ${cpu} waits for ${waitsFor}`)
          .join('; ')}`;
  return {
    property,
    cpu: first?.cpu ?? -1,
    step: -1,
    message,
    evidence: cpus.map(
      ({ cpu, status, state, waitsFor }) =>
        `CPU ${cpu}: ${status}${status === 'waiting' ? ` for ${waitsFor}` : ''}, ${state}`,
    ),
    remedy: '',
  };
}

/** Waits that anybody may be in for ever. */
const IDLE: ReadonlySet<string> = new Set(['work']);

/** A worker that ended, or died, in the middle of things. */
export function goneViolation(cpu: number, state: string, why: string): Violation {
  return {
    property: 'hung',
    cpu,
    step: -1,
    message: `the worker of CPU ${cpu} is gone (${why}); its chart was in state ${state}`,
    evidence: [],
    remedy: '',
  };
}
