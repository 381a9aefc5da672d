import type { ChartBoard } from '../../check/chart/chart-board.ts';
import {
  CPU_EVENTS,
  CPU_GROUPS,
  type CpuGroup,
  firstMarkBy,
  SYSTEM_EVENT,
  SYSTEM_EVENTS,
} from '../../check/chart/chart-events.ts';
import {
  type BoardCharts,
  type ChartTable,
  type ChartTables,
  type CpuChart,
  NOBODY,
  type SystemChart,
  tableWalker,
} from '../../check/chart/chart-table.ts';

/** Which parts of the charts runs go through, whoever judges by them: their tables are gone through beside. */

/** The chart of the CPUs of a group, or of the board. */
export type ChartName = CpuGroup | 'system';
export const CHART_NAMES: readonly ChartName[] = [...CPU_GROUPS, 'system'];

/** An event in a state of a chart. */
export interface ChartCell {
  readonly chart: ChartName;
  /** A state of the chart as it is drawn: `online.stop.prepare`. Of a refused event: where the whole chart stood. */
  readonly state: string;
  readonly event: string;
}

/** Told of each step of a chart. */
export interface ChartSteps {
  readonly taken: (cell: ChartCell) => void;
  readonly refused: (cell: ChartCell) => void;
}

export interface ChartWatch {
  /** The same charts, with somebody looking on. */
  readonly charts: BoardCharts;
  /** The cells that charts can come to from where they were last saved, by events that the explorer tells of. */
  readonly reachable: () => readonly ChartCell[];
}

/** `charts`: at their beginnings. `tables`: of the same board; `reachable` wants compiled ones. */
export function chartWatch(charts: BoardCharts, tables: ChartTables, board: ChartBoard, told: ChartSteps): ChartWatch {
  const groups = board.cpus.map(({ cpu }) => CPU_GROUPS.find((group) => board.groups[group].includes(cpu))!);
  const places = tables.cpus.map((table, cpu) => new Place(table, groups[cpu]!, CPU_EVENT_NAMES, told));
  const system = new Place(tables.system, 'system', SYSTEM_EVENT_NAMES, told);
  const firstMarks = groups.map(firstMarkBy);
  return {
    charts: {
      cpus: charts.cpus.map((chart, cpu) => watchedCpu(chart, places[cpu]!)),
      system: watchedSystem(charts.system, system, firstMarks),
    },
    reachable: () => distinct([...places.flatMap((place) => place.cells(CPU_TOLD)), ...system.cells(SYSTEM_TOLD)]),
  };
}

const CPU_EVENT_NAMES = CPU_EVENTS.map((event) =>
  event.type === 'program.finished' ? `${event.type}(${event.program})` : event.type,
);
const SYSTEM_EVENT_NAMES = SYSTEM_EVENTS.map(({ type }) => type);

/** Nobody drives CPUs into faults here, gives them up or ends them in good order: that is what threads need. */
const CPU_TOLD = CPU_EVENTS.map(({ type }) => !['fault.taken', 'cpu.hung', 'cpu.stopped'].includes(type));
const SYSTEM_TOLD = SYSTEM_EVENTS.map((_, event) => event < Math.min(...Object.values(SYSTEM_EVENT)));

/** The chart's way of taking note of what does not concern it. */
const PASSED_OVER = '*';

/** A place in a table, which tells of each step. */
class Place {
  readonly #table: ChartTable;
  readonly #walker: CpuChart;
  readonly #chart: ChartName;
  readonly #events: readonly string[];
  readonly #told: ChartSteps;
  /** By number of the taking. */
  readonly #cells: (readonly ChartCell[])[] = [];
  #saved = 0;

  constructor(table: ChartTable, chart: ChartName, events: readonly string[], told: ChartSteps) {
    this.#table = table;
    this.#walker = tableWalker(table);
    this.#chart = chart;
    this.#events = events;
    this.#told = told;
  }

  step(event: number): void {
    const state = this.#walker.save();
    if (this.#walker.step(event)) {
      const taking = this.#table.takenBy[state * this.#table.width + event]!;
      for (const cell of this.#cellsOf(taking)) this.#told.taken(cell);
    } else this.#told.refused({ chart: this.#chart, state: this.#walker.state, event: this.#events[event]! });
  }

  save(): number {
    this.#saved = this.#walker.save();
    return this.#saved;
  }

  restore(saved: number): void {
    this.#walker.restore(saved);
  }

  /** Those that can be come to from where it was last saved, if nobody tells of other events than `told` says. */
  cells(told: readonly boolean[]): readonly ChartCell[] {
    const { next, takenBy, width, names } = this.#table;
    const states = [this.#saved];
    const seen = new Uint8Array(names.length);
    const takings = new Set<number>();
    seen[states[0]!] = 1;
    for (const state of states)
      for (let event = 0; event < width; event++) {
        const cell = state * width + event;
        const to = next[cell]!;
        if (!told[event] || to < 0) continue;
        if (takenBy[cell] !== NOBODY) takings.add(takenBy[cell]!);
        if (seen[to] === 1) continue;
        seen[to] = 1;
        states.push(to);
      }
    return [...takings].sort((a, b) => a - b).flatMap((taking) => this.#cellsOf(taking));
  }

  #cellsOf(number: number): readonly ChartCell[] {
    const known = this.#cells[number];
    if (known !== undefined) return known;
    const { states, event } = this.#table.takings[number]!;
    const cells = event === PASSED_OVER ? [] : states.map((state) => ({ chart: this.#chart, state, event }));
    this.#cells[number] = cells;
    return cells;
  }
}

function watchedCpu(chart: CpuChart, place: Place): CpuChart {
  return {
    ...standing(chart, place),
    get state() {
      return chart.state;
    },
    get ended() {
      return chart.ended;
    },
    get started() {
      return chart.started;
    },
    step(event) {
      place.step(event);
      return chart.step(event);
    },
  };
}

function watchedSystem(chart: SystemChart, place: Place, firstMarks: readonly number[]): SystemChart {
  return {
    ...standing(chart, place),
    get state() {
      return chart.state;
    },
    get ended() {
      return chart.ended;
    },
    mark(cpu, mark) {
      place.step(firstMarks[cpu]! + mark);
      return chart.mark(cpu, mark);
    },
    step(event) {
      place.step(event);
      return chart.step(event);
    },
  };
}

/** Chart and place are saved and put back together. */
function standing(chart: CpuChart | SystemChart, place: Place): Pick<CpuChart, 'start' | 'save' | 'restore'> {
  const saved: { readonly chart: number; readonly place: number }[] = [];
  return {
    start() {
      chart.start();
      place.restore(0);
    },
    save: () => saved.push({ chart: chart.save(), place: place.save() }) - 1,
    restore(number) {
      chart.restore(saved[number]!.chart);
      place.restore(saved[number]!.place);
    },
  };
}

function distinct(cells: readonly ChartCell[]): readonly ChartCell[] {
  return [...new Map(cells.map((cell) => [`${cell.chart} ${cell.state} ${cell.event}`, cell])).values()];
}
