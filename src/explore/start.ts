import type { BoardCharts } from '../check/chart/chart-table.ts';
import type { Violation } from '../check/violation.ts';
import { type CpuState, restoreCpu, saveCpu } from '../hardware/cpu-state.ts';
import type { Machine } from '../hardware/system.ts';
import type { PerCpu } from '../kernel/kernel.ts';
import type { Lane } from './lane.ts';
import { type MachineImage, restoreMachine, saveMachine } from './machine-image.ts';

/** Where every run begins: the machine, and what its CPUs and whoever judges them keep beside it. */
export interface Start {
  readonly image: MachineImage;
  readonly lanes: readonly {
    readonly state: CpuState;
    readonly percpu: PerCpu;
    readonly begun: number;
    readonly halted: boolean;
    readonly refused: boolean;
    readonly chart: number;
  }[];
  readonly system: number;
  readonly refused: number;
  readonly violations: readonly Violation[];
}

/** Throws where a program is in the middle of something: a generator cannot be begun in the middle. */
export function saveStart(
  machine: Machine,
  lanes: readonly Lane[],
  violations: readonly Violation[],
  charts: BoardCharts | undefined,
): Start {
  const busy = lanes.find(({ stack, halted }) => stack.length > 0 && !halted);
  if (busy !== undefined && violations.length === 0)
    throw new Error(`CPU ${busy.cpu.id} waits for ${busy.at?.reason ?? 'nothing'} while the system is brought up`);
  return {
    image: saveMachine(machine),
    lanes: lanes.map(({ cpu, kernel, begun, halted, refused, chart }) => {
      const percpu = structuredClone(kernel.percpu);
      return { state: saveCpu(cpu), percpu, begun, halted, refused, chart: chart?.save() ?? 0 };
    }),
    system: charts?.system.save() ?? 0,
    refused: lanes[0]!.refusals.length,
    violations: [...violations],
  };
}

export function restoreStart(
  machine: Machine,
  lanes: readonly Lane[],
  violations: Violation[],
  start: Start,
  charts: BoardCharts | undefined,
): void {
  restoreMachine(machine, start.image);
  for (let id = 0; id < lanes.length; id++) {
    const lane = lanes[id]!;
    const { state, percpu, begun, halted, refused, chart } = start.lanes[id]!;
    restoreCpu(lane.cpu, state);
    Object.assign(lane.kernel.percpu, percpu, {
      preemptDisabledBy: [...percpu.preemptDisabledBy],
      reservedTables: [...percpu.reservedTables],
    });
    lane.stack.length = 0;
    lane.handlers.clear();
    lane.begun = begun;
    lane.at = undefined;
    lane.halted = halted;
    lane.refused = refused;
    lane.chart?.restore(chart);
  }
  charts?.system.restore(start.system);
  violations.length = 0;
  violations.push(...start.violations);
}
