import { type Layout, TRACE_RECORD_BYTES } from './memory/layout.ts';
import { CONTROL_STEP, type Memory } from './memory/memory.ts';

/**
 * What happened, as fixed-size records in a ring per CPU. Each record carries the global step, so that the rings of all
 * CPUs merge into one order. Writers build no strings and no objects.
 */
export interface Trace {
  readonly records: number;
  readonly head: Int32Array;
  readonly step: Float64Array;
  readonly address: Float64Array;
  readonly extra: Float64Array;
  readonly value: BigUint64Array;
  /** Two words a record: kind and detail. */
  readonly words: Int32Array;
  readonly control: Int32Array;
}

export const TRACE_KINDS = [
  'none',
  'mark',
  'load',
  'store',
  'buffered',
  'visible',
  'filled-table',
  'tlbi',
  'dsb',
  'isb',
  'msr',
  'wait',
  'wake',
  'sev',
  'ipi',
  'irq',
  'fault',
  'fill',
  'speculative-fill',
  'conflict',
  'allocate',
  'free',
  'access',
  'alarm',
  'rmw',
  'warn',
  'hardware-update',
  'fetch',
  'dc-cvau',
  'ic-ivau',
  'smc',
] as const;
export type TraceKind = (typeof TRACE_KINDS)[number];
const KIND = Object.fromEntries(TRACE_KINDS.map((name, index) => [name, index])) as Record<TraceKind, number>;

/** One record, decoded. `address`, `extra`: an address (virtual or physical, as the kind says); `value`: 64 bits. */
export interface TraceRecord {
  readonly cpu: number;
  readonly step: number;
  readonly kind: TraceKind;
  readonly detail: number;
  readonly address: number;
  readonly extra: number;
  readonly value: bigint;
}

export function attachTrace(memory: Memory, layout: Layout, cpu: number): Trace {
  const n = layout.traceRecords;
  const base = layout.trace + cpu * (n * TRACE_RECORD_BYTES + 8);
  const { buffer } = memory;
  return {
    records: n,
    head: new Int32Array(buffer, base, 1),
    step: new Float64Array(buffer, base + 8, n),
    address: new Float64Array(buffer, base + 8 + n * 8, n),
    extra: new Float64Array(buffer, base + 8 + n * 16, n),
    value: new BigUint64Array(buffer, base + 8 + n * 24, n),
    words: new Int32Array(buffer, base + 8 + n * 32, n * 2),
    control: memory.control,
  };
}

/** Appends a record and returns its global step. */
export function note(trace: Trace, kind: TraceKind, detail: number, address: number, value: bigint, extra = 0): number {
  const step = Atomics.add(trace.control, CONTROL_STEP, 1) >>> 0;
  const head = trace.head[0]!;
  const at = head & (trace.records - 1);
  trace.step[at] = step;
  trace.address[at] = address;
  trace.extra[at] = extra;
  trace.value[at] = value;
  trace.words[at * 2] = KIND[kind];
  trace.words[at * 2 + 1] = detail;
  Atomics.store(trace.head, 0, (head + 1) | 0);
  return step;
}

/** The last `limit` records of one CPU, oldest first. */
export function tail(trace: Trace, cpu: number, limit: number): TraceRecord[] {
  const head = Atomics.load(trace.head, 0);
  const written = head < 0 ? trace.records : Math.min(head, trace.records);
  const available = Math.min(written, limit);
  const records: TraceRecord[] = [];
  for (let i = head - available; i < head; i++) records.push(decode(trace, cpu, i & (trace.records - 1)));
  return records;
}

function decode(trace: Trace, cpu: number, at: number): TraceRecord {
  return {
    cpu,
    step: trace.step[at]!,
    kind: TRACE_KINDS[trace.words[at * 2]!] ?? 'none',
    detail: trace.words[at * 2 + 1]!,
    address: trace.address[at]!,
    extra: trace.extra[at]!,
    value: trace.value[at]!,
  };
}
