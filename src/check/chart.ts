import type { Violation } from './violation.ts';

/** A milestone that the CPU's chart does not accept in its present state. */
export function chartViolation(cpu: number, step: number, mark: string, state: string): Violation {
  return {
    property: 'chart',
    cpu,
    step,
    message: `CPU ${cpu} marked '${mark}', which its chart does not accept in state ${state}`,
    evidence: [],
    remedy: '',
  };
}

/** A milestone of `cpu` that the chart of the whole board does not accept in its present state. */
export function systemChartViolation(cpu: number, mark: string, state: string): Violation {
  return {
    property: 'chart',
    cpu,
    step: -1,
    message: `CPU ${cpu} marked '${mark}', which the system's chart does not accept in state ${state}`,
    evidence: [],
    remedy: '',
  };
}
