import { compileCharts, lazyCharts } from '../../machines/board-tables.ts';
import { chartBoard } from '../../src/check/chart/chart-board.ts';
import { CHART_VOCABULARY } from '../../src/check/chart/chart-events.ts';
import { tableCharts } from '../../src/check/chart/chart-table.ts';
import { type Collector, collector } from '../../src/explore/coverage/coverage.ts';
import { situationOfNumber, type TlbSituation } from '../../src/explore/coverage/situations.ts';
import type { Decide } from '../../src/explore/decide.ts';
import { type Exploration, type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** An explorer somebody looks on at. */
export interface Covered {
  readonly interleaver: Interleaver;
  readonly collector: Collector;
}

export interface CoveredOptions {
  readonly board?: Board;
  readonly from?: Exploration['from'];
  /** Tables that know the whole chart, which takes seconds. */
  readonly compiled?: boolean;
}

export function oneBlock(cpus: number): Board {
  return resizedBoard(boardPresets.get('one-block')!, { cpus });
}

export function covered(scenario: Scenario, options: CoveredOptions = {}): Covered {
  const { board = oneBlock(3), from = 'brought-up', compiled = false } = options;
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  const cpus = chartBoard(board, DEFAULT_CONFIG.revision);
  const tables = (compiled ? compileCharts : lazyCharts)(cpus, CHART_VOCABULARY);
  const looking = collector(tableCharts(tables, cpus), tables, cpus);
  const exploration = { board, scenario, kernel, work: briefWork, from, mostPoints: 20_000, charts: looking.charts };
  const interleaver = interleaverOf(exploration);
  looking.watch(interleaver);
  return { interleaver, collector: looking };
}

/** The TLB situations of some schedules together. */
export function situationsIn(
  { interleaver, collector: looking }: Covered,
  schedules: readonly Decide[],
): TlbSituation[] {
  looking.take();
  for (const decide of schedules) {
    looking.begin();
    interleaver.run(decide, looking.acted);
  }
  return looking.take().situations.map(({ situation }) => situationOfNumber(situation));
}
