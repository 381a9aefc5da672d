import { compileCharts, lazyCharts } from '../../machines/board-tables.ts';
import { realCharts } from '../../machines/real-charts.ts';
import { chartBoard } from '../../src/check/chart/chart-board.ts';
import { CHART_VOCABULARY } from '../../src/check/chart/chart-events.ts';
import { type BoardCharts, type ChartTables, tableCharts } from '../../src/check/chart/chart-table.ts';
import { type Collector, collector } from '../../src/explore/coverage/coverage.ts';
import type { Coverable } from '../../src/explore/coverage/coverage-table.ts';
import { type Exploration, type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import type { Program, Scenario } from '../../src/scenario/scenario.ts';
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

/** A run of more points than this is given up: the repaint has some 300 on four CPUs, a late CPU's readers some 40,000. */
export const MOST_POINTS = 100_000;

/** What is explored, without charts. */
export function explorationOf(
  { reference, board, kernel, from, mostPoints }: ExplorationPlan,
  scenario: Scenario,
): Exploration {
  const { programs, briefPrograms } = scenario;
  const checked =
    reference.module === undefined
      ? {}
      : {
          ...(programs && { programs: pointsOnly(programs) }),
          ...(briefPrograms && { briefPrograms: pointsOnly(briefPrograms) }),
        };
  return { board, scenario: { ...scenario, ...checked }, kernel, work: briefWork, from, mostPoints };
}

/** Builds the machine and brings it to its start. Throws what the scenario throws. */
export function explorerOf(plan: ExplorationPlan, scenario: Scenario): Interleaver {
  return interleaverOf({ ...explorationOf(plan, scenario), charts: chartsOf(plan) });
}

/** The same, and somebody looks on. `tables`: of the board's charts. */
export function coveredExplorerOf(
  plan: ExplorationPlan,
  scenario: Scenario,
  tables = lazyCharts(chartBoard(plan.board, plan.kernel.revision), CHART_VOCABULARY),
): { readonly interleaver: Interleaver; readonly collector: Collector } {
  const looking = collector(chartsOf(plan, tables), tables, chartBoard(plan.board, plan.kernel.revision));
  const interleaver = interleaverOf({ ...explorationOf(plan, scenario), charts: looking.charts });
  looking.watch(interleaver);
  return { interleaver, collector: looking };
}

/** What there is to cover. Takes some seconds: what charts can come to, only whole tables know. */
export function coverableOf(plan: ExplorationPlan, scenario: Scenario): Coverable {
  const tables = compileCharts(chartBoard(plan.board, plan.kernel.revision), CHART_VOCABULARY);
  const { collector: looking } = coveredExplorerOf(plan, scenario, tables);
  return { board: plan.board, from: plan.from, reachable: looking.reachable() };
}

/** A module's programs may be anything: whoever schedules them must be able to rely on points. */
function pointsOnly(programs: (cpu: number) => Program): (cpu: number) => Program {
  return (id) => {
    const program = programs(id);
    return function* (cpu, kernel) {
      const op = program(cpu, kernel);
      if (typeof op?.next !== 'function') throw new TypeError('what a program gave: next is not a function');
      for (let step = op.next(); !step.done; step = op.next()) {
        if (typeof step.value?.kind !== 'string')
          throw new TypeError('a program yielded something: it may only yield* operations');
        yield step.value;
      }
    };
  };
}

function chartsOf({ board, kernel, charts }: ExplorationPlan, tables?: ChartTables): BoardCharts {
  const cpus = chartBoard(board, kernel.revision);
  if (charts === 'actors') return realCharts(cpus, CHART_VOCABULARY);
  return tableCharts(tables ?? lazyCharts(cpus, CHART_VOCABULARY), cpus);
}
