import type { ChartBoard } from '../../check/chart/chart-board.ts';
import type { BoardCharts, ChartTables } from '../../check/chart/chart-table.ts';
import type { Interleaver } from '../interleaver.ts';
import type { Acted } from '../scheduler.ts';
import type { Strategy } from '../strategy/search.ts';
import { type ChartCell, chartWatch } from './chart-watch.ts';
import { SITUATIONS } from './situations.ts';
import { type TlbWatch, tlbWatch } from './tlb-watch.ts';

/**
 * What schedules have covered, in how many of them each: events taken in the states of the charts, events refused there, and
 * TLB situations. Plain data that add up, schedule by schedule.
 */
export interface Coverage {
  readonly taken: readonly (ChartCell & Met)[];
  readonly refused: readonly (ChartCell & Met)[];
  /** By the situation's number. */
  readonly situations: readonly ({ readonly situation: number } & Met)[];
}

export interface Met {
  readonly schedules: number;
}

/** Of two lots of schedules together; the order does not matter. */
export function sumOf(one: Coverage, other: Coverage): Coverage {
  return {
    taken: added([...one.taken, ...other.taken], keyOf),
    refused: added([...one.refused, ...other.refused], keyOf),
    situations: added([...one.situations, ...other.situations], ({ situation }) => situation),
  };
}

export const NOTHING_COVERED: Coverage = { taken: [], refused: [], situations: [] };

export function keyOf({ chart, state, event }: ChartCell): string {
  return [chart, state, event].join('\t');
}

function added<T extends Met>(all: readonly T[], key: (one: T) => string | number): readonly T[] {
  const sums = new Map<string | number, T>();
  for (const one of all) {
    const before = sums.get(key(one))?.schedules ?? 0;
    sums.set(key(one), { ...one, schedules: before + one.schedules });
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, one]) => one);
}

/** A cell of any kind, as a number that only the collector which gave it understands. */
export type Cell = number;

/** Collects what the runs of one interleaver cover. */
export interface Collector {
  /** The charts to judge by. */
  readonly charts: BoardCharts;
  /** The machine that is judged by them. */
  readonly watch: (interleaver: Interleaver) => void;
  /** A schedule begins. */
  readonly begin: () => void;
  /** From now on `met` is told of each cell as a schedule comes to it for the first time. */
  readonly listen: (met: (cell: Cell) => void) => void;
  /** After each act of a schedule. */
  readonly acted: Acted;
  /** What has been covered since the last time. */
  readonly take: () => Coverage;
  /** The chart cells that runs can come to from where they begin, if `tables` were compiled. */
  readonly reachable: () => readonly ChartCell[];
}

/** `charts`: at their beginnings. `tables`: of the same board. */
export function collector(charts: BoardCharts, tables: ChartTables, board: ChartBoard): Collector {
  const cells = new Cells();
  const numbers = new Map<ChartCell, Cell>();
  const names = new Map<string, Cell>();
  const known: { readonly cell: ChartCell; readonly isRefusal: boolean }[] = [];
  const numberOf = (cell: ChartCell, isRefusal: boolean): Cell => {
    const key = `${keyOf(cell)}\t${isRefusal}`;
    const number = names.get(key) ?? SITUATIONS + known.push({ cell, isRefusal }) - 1;
    names.set(key, number);
    return number;
  };
  const taken = (cell: ChartCell): void => {
    let number = numbers.get(cell);
    if (number === undefined) {
      number = numberOf(cell, false);
      numbers.set(cell, number);
    }
    cells.meet(number);
  };
  const chartsWatched = chartWatch(charts, tables, board, {
    taken,
    refused: (cell) => cells.meet(numberOf(cell, true)),
  });
  let tlbs: TlbWatch | undefined;
  return {
    charts: chartsWatched.charts,
    reachable: chartsWatched.reachable,
    watch(interleaver) {
      tlbs = tlbWatch(interleaver, (situation) => cells.meet(situation));
    },
    begin() {
      cells.begin();
      tlbs!.begin();
    },
    listen: (met) => cells.listen(met),
    acted: (actor, point) => tlbs!.acted(actor, point),
    take() {
      const counts = cells.take();
      const situations = counts.filter(({ cell }) => cell < SITUATIONS);
      const others = counts.flatMap(({ cell, schedules }) =>
        cell < SITUATIONS ? [] : { ...known[cell - SITUATIONS]!, schedules },
      );
      const ofKind = (refusals: boolean) =>
        others.filter(({ isRefusal }) => isRefusal === refusals).map(({ cell, schedules }) => ({ ...cell, schedules }));
      return sumOf(NOTHING_COVERED, {
        taken: ofKind(false),
        refused: ofKind(true),
        situations: situations.map(({ cell, schedules }) => ({ situation: cell, schedules })),
      });
    },
  };
}

/** The same strategy; what its schedules cover is collected. */
export function collected(strategy: Strategy, { begin, acted }: Collector): Strategy {
  const { acted: told } = strategy;
  return {
    ...strategy,
    decide(index) {
      begin();
      return strategy.decide(index);
    },
    acted:
      told === undefined
        ? acted
        : (actor, point) => {
            told(actor, point);
            acted(actor, point);
          },
  };
}

/** Counts the schedules that come to each cell. What happens before the first one begins does not count. */
class Cells {
  readonly #counts = new Map<Cell, number>();
  readonly #ofThis = new Set<Cell>();
  #met: ((cell: Cell) => void) | undefined;
  #begun = false;

  begin(): void {
    this.#ofThis.clear();
    this.#begun = true;
  }

  listen(met: (cell: Cell) => void): void {
    this.#met = met;
  }

  meet(cell: Cell): void {
    if (!this.#begun || this.#ofThis.has(cell)) return;
    this.#ofThis.add(cell);
    this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1);
    this.#met?.(cell);
  }

  take(): { readonly cell: Cell; readonly schedules: number }[] {
    const all = [...this.#counts].map(([cell, schedules]) => ({ cell, schedules }));
    this.#counts.clear();
    return all;
  }
}
