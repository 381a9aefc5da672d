import { MARKS } from '../../kernel/marks.ts';
import type { Violation } from '../violation.ts';
import { CPU_EVENTS } from './chart-events.ts';
import type { CpuChart, SystemChart } from './chart-table.ts';

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

/** Tells a CPU's chart of an event, by its place in `CPU_EVENTS`. `step`: the CPU's, for the violation if it refuses. */
export function judgeCpu(chart: CpuChart, cpu: number, step: number, event: number): Violation | undefined {
  return chart.step(event) ? undefined : chartViolation(cpu, step, CPU_EVENTS[event]!.type, chart.state);
}

/** Tells the system's chart of a CPU's milestone, by its number in `MARKS`. */
export function judgeSystem(chart: SystemChart, cpu: number, mark: number): Violation | undefined {
  return chart.mark(cpu, mark) ? undefined : systemChartViolation(cpu, MARKS[mark]!, chart.state);
}
