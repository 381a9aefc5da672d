import type { Violation } from './violation.ts';

/** The kernel gave up of its own accord. `reason`: what it printed. */
export function panicViolation(cpu: number, step: number, reason: string): Violation {
  return { property: 'panic', cpu, step, message: reason, evidence: [], remedy: '' };
}
