import type { Violation } from '../../src/check/violation.ts';
import type { TraceRecord } from '../../src/hardware/trace.ts';

/** What is found wrong in one run, by whomever, and how it came to each. */
export interface Findings {
  readonly violations: Violation[];
  readonly traces: Map<Violation, readonly TraceRecord[]>;
}

export function noFindings(): Findings {
  return { violations: [], traces: new Map() };
}

/** In the order they happened; those without a step, and then what charts refused, which says least, come last. */
export function sortFindings({ violations }: Findings): void {
  violations.sort((a, b) => order(a) - order(b));
}

function order({ step, property }: Violation): number {
  const at = step < 0 ? Number.MAX_SAFE_INTEGER : step;
  return property === 'chart' ? 2 * Number.MAX_SAFE_INTEGER : at;
}

/** How it came to the first of them, where that was kept. */
export function traceOfFirst({ violations, traces }: Findings): readonly TraceRecord[] | undefined {
  return violations[0] === undefined ? undefined : traces.get(violations[0]);
}
