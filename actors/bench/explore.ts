import { lazyCharts } from '../../machines/board-tables.ts';
import { chartBoard } from '../../src/check/chart/chart-board.ts';
import { CHART_VOCABULARY } from '../../src/check/chart/chart-events.ts';
import { tableCharts } from '../../src/check/chart/chart-table.ts';
import { type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';

const SCHEDULES = 4000;

/** Random schedules of the repaint on four CPUs, all checks on: points and complete schedules in a second of one core. */
export function exploreRepaint(runs: number): { points: number; schedules: number }[] {
  const interleaver = fourCpus();
  return Array.from({ length: runs + 2 }, (_, run) => {
    const began = performance.now();
    const { points, schedules, found } = search(interleaver, uniform(run), 0, SCHEDULES);
    const seconds = (performance.now() - began) / 1000;
    if (found !== undefined) throw new Error(`schedule ${found.index}: ${found.run.violations[0]!.message}`);
    return { points: points / seconds, schedules: schedules / seconds };
  }).slice(2);
}

function fourCpus(): Interleaver {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 4 });
  const cpus = chartBoard(board, DEFAULT_CONFIG.revision);
  return interleaverOf({
    board,
    scenario: repaint,
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'brought-up',
    mostPoints: 10_000,
    charts: tableCharts(lazyCharts(cpus, CHART_VOCABULARY), cpus),
  });
}
