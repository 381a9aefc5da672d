import type { Violation } from '../violation.ts';

/** The kernel gave up of its own accord. `reason`: what it printed. */
export function panicViolation(cpu: number, step: number, reason: string): Violation {
  const remedy = reason.endsWith(SPLIT_FAILED)
    ? 'tables for the whole split before the machine is stopped: GFP_ATOMIC may fail, and half-way through there is no going back (linear_map_split_to_ptes(), 6.18, panics by design)'
    : '';
  return { property: 'panic', cpu, step, message: reason, evidence: [], remedy };
}

/** Linux: linear_map_split_to_ptes(). */
const SPLIT_FAILED = 'Failed to split linear map';
