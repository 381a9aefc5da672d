import { lazyCharts } from '../../machines/board-tables.ts';
import { realCharts } from '../../machines/real-charts.ts';
import { chartBoard } from '../../src/check/chart-board.ts';
import { CHART_VOCABULARY } from '../../src/check/chart-events.ts';
import { type BoardCharts, tableCharts } from '../../src/check/chart-table.ts';
import { briefWork } from '../../src/explore/brief-work.ts';
import { type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import type { Board } from '../../src/hardware/board.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import type { ScenarioReference } from '../thread/protocol.ts';

/** What is explored, as plain data that a worker can be sent; the scenario itself it finds by its reference. */
export interface ExplorationPlan {
  readonly reference: ScenarioReference;
  readonly board: Board;
  readonly kernel: KernelConfig;
  readonly from: 'power-on' | 'brought-up';
  /** Points after which a run is given up. */
  readonly mostPoints: number;
  /** Who judges the milestones: tables compiled from the charts, or the charts themselves as actors, which is slow. */
  readonly charts: 'tables' | 'actors';
}

/** Builds the machine and brings it to its start. Throws what the scenario throws. */
export function explorerOf(plan: ExplorationPlan, scenario: Scenario): Interleaver {
  const { board, kernel, from, mostPoints } = plan;
  return interleaverOf({ board, scenario, kernel, work: briefWork, from, mostPoints, charts: chartsOf(plan) });
}

function chartsOf({ board, charts }: ExplorationPlan): BoardCharts {
  const cpus = chartBoard(board);
  if (charts === 'actors') return realCharts(cpus, CHART_VOCABULARY);
  return tableCharts(lazyCharts(cpus, CHART_VOCABULARY), cpus);
}
