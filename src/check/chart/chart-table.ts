import type { ChartBoard } from './chart-board.ts';
import { CPU_GROUPS, firstMarkBy } from './chart-events.ts';

/**
 * Charts as tables, for drivers that mark a milestone every few points and cannot afford actors. Plain data, and never
 * written by hand: machines/ compiles them from the charts themselves.
 */

/** In `next`: the chart refuses the event. */
export const REFUSED = -1;

/** In `next`: nobody has asked yet; `resolve` knows. */
export const UNKNOWN = -2;

/** In `starts`, and of a walker's last step: nothing was started. */
export const NO_PROGRAM = -1;

/** In `takenBy`: no state of the chart takes the event. */
export const NOBODY = -1;

/** What of a chart takes an event: one state of it, or one in each of several regions. */
export interface Taking {
  /** Where they are in the chart, `online.stop.prepare`; `anywhere`: the chart as a whole. */
  readonly states: readonly string[];
  /** In the chart's own words; `*`: any that nobody else takes. */
  readonly event: string;
}

/**
 * A chart, for one CPU or for one board. State 0 is where it starts. A cell of `next`, `starts` and `takenBy` is at
 * `state * width + event`, the event as its place in `CPU_EVENTS` or `SYSTEM_EVENTS`.
 */
export interface ChartTable {
  /** How many events there are. */
  readonly width: number;
  /** Where the chart stands, in words, by state. States that differ only in what is not worth a word share theirs. */
  readonly names: readonly string[];
  /** The state that the event leads to, or REFUSED. */
  readonly next: Int16Array;
  /** The program that is started on the way, as its place in `PROGRAMS`, or NO_PROGRAM. */
  readonly starts: Int8Array;
  /** The chart's own transitions, found so far. `takenBy`: by cell, which of them the step is, or NOBODY. */
  readonly takings: readonly Taking[];
  readonly takenBy: Int16Array;
  /** By state: bit n is set where PROGRAMS[n] belongs to the state, whether or not it has ended by itself meanwhile. */
  readonly invoked: Uint8Array;
  /** By state: 1 where the life that the chart tells of is over. */
  readonly ended: Uint8Array;
  /** Finds out an UNKNOWN cell of `next`, writes it and what the other columns have there, and answers it. */
  readonly resolve?: (state: number, event: number) => number;
}

/** One table a kind of CPU: CPUs of a kind share theirs. */
export interface ChartTables {
  /** By CPU id. */
  readonly cpus: readonly ChartTable[];
  readonly system: ChartTable;
}

/** Where a chart stands, in whichever way it is kept. */
export interface Standing {
  /** In words: `online: idle · parked · idmap`. */
  readonly state: string;
  /** Nothing comes after this state: refused and parked, faulted, offline; of the system: a verdict. */
  readonly ended: boolean;
  /** Back to the beginning. */
  start(): void;
  /** The present state as a number that only `restore` of the same chart understands. */
  save(): number;
  restore(saved: number): void;
}

/** A CPU's chart that goes along with its CPU. */
export interface CpuChart extends Standing {
  /** An event, by its place in `CPU_EVENTS`. False: the chart refuses it, and stands where it stood. */
  step(event: number): boolean;
  /** The program, by its place in `PROGRAMS`, that the last step started; NO_PROGRAM: none. */
  readonly started: number;
}

/** The chart of the whole board. */
export interface SystemChart extends Standing {
  /** A milestone of a CPU, by its number in `MARKS`. False: the chart refuses it, and stands where it stood. */
  mark(cpu: number, mark: number): boolean;
  /** An event of the driver, by its place in `SYSTEM_EVENTS`. */
  step(event: number): boolean;
}

export interface BoardCharts {
  /** By CPU id. */
  readonly cpus: readonly CpuChart[];
  readonly system: SystemChart;
}

/** Charts at their beginnings, kept as places in tables. */
export function tableCharts({ cpus, system }: ChartTables, board: ChartBoard): BoardCharts {
  return { cpus: cpus.map(tableWalker), system: new TableWalker(system, firstMarks(board)) };
}

/** A CPU's chart at its beginning, kept as a place in its table. */
export function tableWalker(table: ChartTable): CpuChart {
  return new TableWalker(table);
}

/** By CPU id: where its marks begin among the events of the system's chart, which knows CPUs by their groups only. */
function firstMarks({ cpus, groups }: ChartBoard): Uint16Array {
  const first = new Uint16Array(cpus.length);
  for (const group of CPU_GROUPS) for (const cpu of groups[group]) first[cpu] = firstMarkBy(group);
  return first;
}

/** A place in a table. A step is one read, and allocates nothing. */
class TableWalker implements CpuChart, SystemChart {
  readonly #table: ChartTable;
  readonly #next: Int16Array;
  readonly #width: number;
  readonly #firstMarks: Uint16Array | undefined;
  #state = 0;
  /** The cell that the last step read; -1: there was none. */
  #cell = -1;

  constructor(table: ChartTable, firstMarks?: Uint16Array) {
    this.#table = table;
    this.#next = table.next;
    this.#width = table.width;
    this.#firstMarks = firstMarks;
  }

  step(event: number): boolean {
    const cell = this.#state * this.#width + event;
    this.#cell = cell;
    let to = this.#next[cell]!;
    if (to === UNKNOWN) to = this.#table.resolve!(this.#state, event);
    if (to < 0) return false;
    this.#state = to;
    return true;
  }

  mark(cpu: number, mark: number): boolean {
    return this.step(this.#firstMarks![cpu]! + mark);
  }

  get started(): number {
    return this.#cell < 0 ? NO_PROGRAM : this.#table.starts[this.#cell]!;
  }

  get state(): string {
    return this.#table.names[this.#state]!;
  }

  get ended(): boolean {
    return this.#table.ended[this.#state] === 1;
  }

  start(): void {
    this.restore(0);
  }

  save(): number {
    return this.#state;
  }

  restore(saved: number): void {
    this.#state = saved;
    this.#cell = -1;
  }
}
