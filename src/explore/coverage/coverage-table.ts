import { type BbmClass, bbmClasses } from '../../hardware/board/board.ts';
import { CHART_NAMES, type ChartCell, type ChartName } from './chart-watch.ts';
import { type Coverage, keyOf, type Met } from './coverage.ts';
import { type Ground, type RuledOut, ruledOut } from './ruled-out.ts';
import {
  CACHED_SIZES,
  type CachedSize,
  IN_MEMORY,
  type InMemory,
  numberOfSituation,
  PROTOCOL_PHASES,
  type ProtocolPhase,
  situationOfNumber,
  TLBI_PHASES,
  type TlbiPhase,
  type TlbSituation,
} from './situations.ts';

/** Coverage with its empty cells. */

/** What there is to cover. */
export interface Coverable extends Ground {
  readonly reachable: readonly ChartCell[];
}

/** One chart; cells that no schedule took stand at 0. */
export interface ChartTableau {
  readonly chart: ChartName;
  readonly cells: readonly (ChartCell & Met)[];
  readonly refused: readonly (ChartCell & Met)[];
}

/** The charts in which something can happen. */
export function chartTableaux({ taken, refused }: Coverage, { reachable }: Coverable): readonly ChartTableau[] {
  const met = new Map(taken.map((cell) => [keyOf(cell), cell.schedules]));
  const all = [...new Map([...reachable, ...taken].map((cell) => [keyOf(cell), cell])).values()];
  return CHART_NAMES.map((chart) => ({
    chart,
    cells: all
      .filter((cell) => cell.chart === chart)
      .map(({ state, event }) => ({ chart, state, event, schedules: met.get(keyOf({ chart, state, event })) ?? 0 })),
    refused: refused.filter((cell) => cell.chart === chart),
  })).filter((one) => one.cells.length > 0 || one.refused.length > 0);
}

/** TLB situations of the CPUs of one class. */
export interface TlbTableau {
  readonly bbm: BbmClass;
  readonly rows: readonly TlbRow[];
}

export interface TlbRow {
  readonly cached: readonly CachedSize[];
  readonly memory: InMemory;
  /** Phases of the protocol, and in each those of the TLBI. */
  readonly cells: readonly (TlbCell & { readonly phase: ProtocolPhase; readonly tlbi: TlbiPhase })[];
}

export interface TlbCell extends Met {
  readonly ruledOut: RuledOut | undefined;
}

/** Nothing is missing: met, or nobody expects it. */
export const isOpen = ({ schedules, ruledOut: rule }: TlbCell): boolean => schedules > 0 || rule === undefined;

/** The sizes that somebody cached, pages and blocks at least, alone and two at a time. */
export function tlbTableaux({ situations }: Coverage, ground: Ground): readonly TlbTableau[] {
  const met = new Map(situations.map(({ situation, schedules }) => [situation, schedules]));
  const known = situations.map(({ situation }) => situationOfNumber(situation));
  const sets = setsOf(known);
  const classes = bbmClasses.filter((bbm) => ground.board.cpus.some(({ conflicts }) => conflicts === bbm));
  const cellOf = (situation: TlbSituation): TlbCell => ({
    schedules: met.get(numberOfSituation(situation)) ?? 0,
    ruledOut: ruledOut(situation, ground),
  });
  return classes.map((bbm) => ({
    bbm,
    rows: sets
      .flatMap((cached) => IN_MEMORY.map((memory) => ({ cached, memory })))
      .map(({ cached, memory }) => ({
        cached,
        memory,
        cells: PROTOCOL_PHASES.flatMap((phase) =>
          TLBI_PHASES.map((tlbi) => ({ phase, tlbi, ...cellOf({ bbm, cached, memory, tlbi, phase }) })),
        ),
      }))
      .filter(({ cells }) => cells.some(isOpen)),
  }));
}

function setsOf(known: readonly TlbSituation[]): readonly (readonly CachedSize[])[] {
  const sizes = CACHED_SIZES.filter(
    (size) => size === 'page' || size === 'block' || known.some(({ cached }) => cached.includes(size)),
  );
  const pairs = sizes.flatMap((one, i) => sizes.slice(i + 1).map((other) => [one, other]));
  const more = known.map(({ cached }) => cached).filter(({ length }) => length > 2);
  const all: (readonly CachedSize[])[] = [[], ...sizes.map((size) => [size]), ...pairs, ...more];
  return [...new Map(all.map((set) => [set.join(), set])).values()];
}
