import { describe, expect, test } from 'vitest';
import { compileCharts } from '../../machines/board-tables.ts';
import { realCharts } from '../../machines/real-charts.ts';
import { chartBoard } from '../../src/check/chart/chart-board.ts';
import { CHART_VOCABULARY, CPU_EVENT, CPU_EVENTS, PROGRAMS, SYSTEM_EVENT } from '../../src/check/chart/chart-events.ts';
import {
  type CpuChart,
  NO_PROGRAM,
  type Standing,
  type SystemChart,
  tableCharts,
} from '../../src/check/chart/chart-table.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import type { KernelText } from '../../src/kernel/kernel.ts';
import { MARK, MARKS } from '../../src/kernel/marks.ts';
import { boardOf } from './chart-agreement.ts';
import { liveInTurns } from './charts-in-turns.ts';
import { smallBoard } from './cooperative-boot.ts';

const board = boardOf(6, [3, 4], [4]);
const tables = compileCharts(board, CHART_VOCABULARY);

type Bound = (n: number) => number;

/** Both kinds of the same chart are told the same by chance, and are put back every now and then. */
function wander<Chart extends Standing>(
  [table, real]: readonly [Chart, Chart],
  seed: number,
  steps: number,
  event: (bound: Bound) => (chart: Chart) => boolean,
  rare: (bound: Bound) => (chart: Chart) => boolean,
  seen: (chart: Chart) => unknown,
): Set<string> {
  const choose = seededChooser(seed);
  const bound: Bound = (n) => choose(n, 'program');
  const been = new Set<string>();
  let kept = [table.save(), real.save()] as const;
  for (let step = 0; step < steps; step++) {
    const tell = bound(40) === 0 ? rare(bound) : likely(table, () => event(bound));
    const took = tell(table);
    expect([tell(real), real.state, real.ended, seen(real)], `step ${step}`).toEqual([
      took,
      table.state,
      table.ended,
      seen(table),
    ]);
    been.add(table.state);
    if (table.ended) for (const chart of [table, real]) chart.start();
    if (bound(50) === 0) kept = [table.save(), real.save()];
    if (bound(150) === 0) {
      table.restore(kept[0]);
      real.restore(kept[1]);
    }
  }
  return been;
}

/** What changes nothing is less interesting than what leads somewhere. */
function likely<Chart extends Standing>(
  chart: Chart,
  next: () => (chart: Chart) => boolean,
): (chart: Chart) => boolean {
  const at = chart.save();
  for (let tries = 0; tries < 12; tries++) {
    const tell = next();
    tell(chart);
    const moved = chart.save() !== at;
    chart.restore(at);
    if (moved) return tell;
  }
  return next();
}

describe('told the same, by chance and at length, a table goes where real actors go', () => {
  const { hung, stopped, faultTaken } = CPU_EVENT;
  const fatal = [MARK['cpu.panicked'], hung, stopped, ...Object.values(faultTaken)];
  const others = [...CPU_EVENTS.keys()].filter((number) => !fatal.includes(number));

  test.each([0, 1, 3, 4])('as CPU %d', (cpu) => {
    const charts = [tableCharts(tables, board).cpus[cpu]!, realCharts(board, CHART_VOCABULARY).cpus[cpu]!] as const;
    const oneOf = (numbers: readonly number[]) => (bound: Bound) => {
      const number = numbers[bound(numbers.length)]!;
      return (chart: CpuChart) => chart.step(number);
    };
    const been = wander(charts, cpu + 1, 6000, oneOf(others), oneOf(fatal), ({ started }) => started);
    expect(been).toContain('online: done');
    expect(been.size).toBeGreaterThan(30);
  });

  test('as the system', () => {
    const charts = [tableCharts(tables, board).system, realCharts(board, CHART_VOCABULARY).system] as const;
    const driver = Object.values(SYSTEM_EVENT);
    const marked = (bound: Bound) => {
      const [cpu, mark] = [bound(board.cpus.length), bound(MARKS.length)];
      return (chart: SystemChart) => chart.mark(cpu, mark);
    };
    const told = (bound: Bound) => {
      const number = driver[bound(driver.length)]!;
      return (chart: SystemChart) => chart.step(number);
    };
    const been = wander(charts, 9, 12_000, marked, told, () => undefined);
    expect(been).toContain('verdict: violated');
    expect(been).toContain('repainting: releasing');
    expect(been).toContain('running');
  });
});

describe('the kernel lives under tables as it does under real actors', () => {
  test.each(['asymmetric-8', 'symmetric-8', 'tiny-2', 'late-cpu'])('on %s, and is led through its programs', (name) => {
    const small = smallBoard(name);
    const seen = chartBoard(small, DEFAULT_CONFIG.revision);
    const inTables = liveInTurns(small, tableCharts(compileCharts(seen, CHART_VOCABULARY), seen));
    const inActors = liveInTurns(small, realCharts(seen, CHART_VOCABULARY));
    expect(inTables).toEqual(inActors);
    expect(inTables.violations).toEqual([]);
    for (const { cpu } of seen.cpus) {
      const refused = inTables.states.includes(`${cpu} refused: parked`);
      expect(refused).toBe(name === 'late-cpu' && cpu === 3);
      expect(inTables.states.findLast((state) => state.startsWith(`${cpu} `))).toBe(
        refused ? `${cpu} refused: parked` : `${cpu} online: done`,
      );
    }
    expect(inTables.states).toContain('system running');
  });

  test('and what their charts refuse is the same violation', () => {
    const small = smallBoard('asymmetric-8');
    const seen = chartBoard(small, DEFAULT_CONFIG.revision);
    const wrongPainter: (good: KernelText) => KernelText = (good) => ({
      ...good,
      repaint: { ...good.repaint, painter: (cpu) => cpu.id === 7 },
    });
    const inTables = liveInTurns(small, tableCharts(compileCharts(seen, CHART_VOCABULARY), seen), wrongPainter);
    expect(inTables).toEqual(liveInTurns(small, realCharts(seen, CHART_VOCABULARY), wrongPainter));
    expect(inTables.violations[0]).toMatchObject({
      property: 'chart',
      message: "CPU 7 marked 'repaint.painting', which its chart does not accept in state online: idle · deciding",
    });
  });
});

describe('a real chart', () => {
  const [chart] = realCharts(board, CHART_VOCABULARY).cpus as [CpuChart];

  test('starts no program when it is put back, and goes on from there', () => {
    chart.start();
    chart.step(CPU_EVENT.powerOn);
    expect(PROGRAMS[chart.started]).toBe('boot');
    const kept = chart.save();
    chart.step(MARK['cpu.started']);
    chart.restore(kept);
    expect([chart.state, chart.started]).toEqual(['booting: starting', NO_PROGRAM]);
    for (const mark of ['cpu.started', 'features.detected', 'linearMap.painted', 'cpu.online'] as const)
      expect(chart.step(MARK[mark])).toBe(true);
    expect(chart.step(CPU_EVENT.programFinished.boot)).toBe(true);
    expect(PROGRAMS[chart.started]).toBe('bringUp');
  });

  test('refuses the end of a program that is not under way', () => {
    chart.start();
    expect(chart.step(CPU_EVENT.programFinished.boot)).toBe(false);
    expect(chart.state).toBe('off');
  });
});
