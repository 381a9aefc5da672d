import type { ChartBoard } from '../src/check/chart/chart-board.ts';
import type { CpuChartEvent, SystemChartEvent } from '../src/check/chart/chart-events.ts';
import type { CpuEvent } from './cpu/cpu-chart.ts';
import type { SystemEvent } from './system.machine.ts';

/** An event of the list as the CPU's chart takes it. That a program has ended is what XState says of its actor. */
export function cpuEventOf(event: CpuChartEvent): CpuEvent {
  switch (event.type) {
    case 'program.finished':
      return { type: `xstate.done.actor.${event.program}`, output: undefined } as CpuEvent;
    case 'fault.taken':
      return { ...event, fault: event.kind };
    case 'cpu.hung':
      return { type: event.type, waitingFor: '' };
    default:
      return event as CpuEvent;
  }
}

/** One CPU speaks for its group; undefined: a mark of a group that has nobody on this board. */
export function systemEventOf(event: SystemChartEvent, { groups }: ChartBoard): SystemEvent | undefined {
  if (event.by === undefined) return { type: event.type };
  const cpu = groups[event.by][0];
  return cpu === undefined ? undefined : { type: event.type, cpu };
}
