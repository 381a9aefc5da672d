import type { Layout } from './layout.ts';
import type { Memory } from './memory.ts';

/** All milestones of all CPUs in one order, for whoever follows the machine as a whole. */
export interface MarkLog {
  readonly records: Int32Array;
  /** When each mark happened, in ms; written by drivers that have a clock, else 0. */
  readonly timesMs: Float64Array;
  readonly control: Int32Array;
}

/** Word of `memory.control`: how many marks have been appended. */
export const CONTROL_MARKS = 18;

export interface LoggedMark {
  readonly cpu: number;
  readonly mark: number;
  readonly timeMs: number;
}

export function attachMarkLog(memory: Memory, layout: Layout): MarkLog {
  return {
    records: new Int32Array(memory.buffer, layout.markLog, layout.markRecords),
    timesMs: new Float64Array(memory.buffer, layout.markTimes, layout.markRecords),
    control: memory.control,
  };
}

/** Appends a mark; a machine that marks more than the log holds loses the rest, and `marksSince` says so. */
export function appendMark(log: MarkLog, cpu: number, mark: number, timeMs: number): void {
  const at = Atomics.add(log.control, CONTROL_MARKS, 1);
  if (at >= log.records.length) return;
  log.timesMs[at] = timeMs;
  Atomics.store(log.records, at, 1 + ((cpu << 10) | mark));
}

/** The marks from position `from` on that are complete, and the position to ask from next; `lost`: dropped so far. */
export function marksSince(log: MarkLog, from: number): { marks: LoggedMark[]; next: number; lost: number } {
  const appended = Atomics.load(log.control, CONTROL_MARKS);
  const end = Math.min(appended, log.records.length);
  const marks: LoggedMark[] = [];
  let at = from;
  for (; at < end; at++) {
    const word = Atomics.load(log.records, at) - 1;
    if (word < 0) break;
    marks.push({ cpu: word >> 10, mark: word & 1023, timeMs: log.timesMs[at]! });
  }
  return { marks, next: at, lost: appended - end };
}
