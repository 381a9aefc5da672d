import { describe, expect, test } from 'vitest';
import { chartViolation, judgeCpu, judgeSystem, systemChartViolation } from '../../../src/check/chart/chart.ts';
import { chartBoard } from '../../../src/check/chart/chart-board.ts';
import {
  CPU_EVENT,
  CPU_EVENTS,
  CPU_GROUPS,
  firstMarkBy,
  PROGRAMS,
  SYSTEM_EVENT,
  SYSTEM_EVENTS,
} from '../../../src/check/chart/chart-events.ts';
import {
  type ChartTable,
  NO_PROGRAM,
  NOBODY,
  REFUSED,
  tableCharts,
  tableWalker,
} from '../../../src/check/chart/chart-table.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { MARK, MARKS } from '../../../src/kernel/marks.ts';

/** A chart of two states: `cpu.started` leads from `off` to `up` and starts `work`; `cpu.idle` is taken note of. */
function small(width: number, started: number): ChartTable {
  const next = new Int16Array(2 * width).fill(REFUSED);
  const starts = new Int8Array(2 * width).fill(NO_PROGRAM);
  next[started] = 1;
  starts[started] = PROGRAMS.indexOf('work');
  next[width + MARK['cpu.idle']] = 1;
  const taken = { takings: [], takenBy: new Int16Array(2 * width).fill(NOBODY) };
  const after = { invoked: Uint8Array.of(0, 8), ended: Uint8Array.of(0, 1) };
  return { width, names: ['off', 'up'], next, starts, ...taken, ...after };
}

const cpuTable = small(CPU_EVENTS.length, MARK['cpu.started']);

describe('a place in a table', () => {
  test('moves with what is accepted, and says what that started', () => {
    const chart = tableWalker(cpuTable);
    expect([chart.state, chart.ended, chart.started]).toEqual(['off', false, NO_PROGRAM]);
    expect(chart.step(MARK['cpu.started'])).toBe(true);
    expect([chart.state, chart.ended, PROGRAMS[chart.started]]).toEqual(['up', true, 'work']);
    expect(chart.step(MARK['cpu.idle'])).toBe(true);
    expect([chart.state, chart.started]).toEqual(['up', NO_PROGRAM]);
  });

  test('stays where it is when an event is refused', () => {
    const chart = tableWalker(cpuTable);
    expect(chart.step(MARK['cpu.idle'])).toBe(false);
    expect(chart.state).toBe('off');
    chart.step(MARK['cpu.started']);
    expect(chart.step(MARK['cpu.started'])).toBe(false);
    expect([chart.state, chart.started]).toEqual(['up', NO_PROGRAM]);
  });

  test('is kept as a number, and put back; nothing is started by that', () => {
    const chart = tableWalker(cpuTable);
    chart.step(MARK['cpu.started']);
    const kept = chart.save();
    chart.start();
    expect([chart.state, chart.started]).toEqual(['off', NO_PROGRAM]);
    chart.restore(kept);
    expect([chart.state, chart.started]).toEqual(['up', NO_PROGRAM]);
  });

  test('in the table of a system hears each CPU as one of its group', () => {
    const board = chartBoard(boardPresets.get('late-cpu')!, DEFAULT_CONFIG.revision);
    const late = firstMarkBy('late') + MARK['cpu.started'];
    const { system } = tableCharts({ cpus: [], system: small(SYSTEM_EVENTS.length, late) }, board);
    for (const cpu of [0, 1, 2]) expect(system.mark(cpu, MARK['cpu.started'])).toBe(false);
    expect(system.mark(3, MARK['cpu.started'])).toBe(true);
    expect(system.state).toBe('up');
    expect(system.step(SYSTEM_EVENT['time.over'])).toBe(false);
  });
});

describe('a mark', () => {
  const { system } = tableCharts(
    { cpus: [], system: small(SYSTEM_EVENTS.length, MARK['cpu.started']) },
    chartBoard(boardPresets.get('tiny-2')!, DEFAULT_CONFIG.revision),
  );

  test('that is accepted is no violation', () => {
    expect(judgeCpu(tableWalker(cpuTable), 3, 70, MARK['cpu.started'])).toBeUndefined();
    expect(judgeSystem(system, 0, MARK['cpu.started'])).toBeUndefined();
    system.start();
  });

  test('that is refused is the violation that a run on threads reports', () => {
    expect(judgeCpu(tableWalker(cpuTable), 3, 70, MARK['cpu.idle'])).toEqual(chartViolation(3, 70, 'cpu.idle', 'off'));
    expect(judgeCpu(tableWalker(cpuTable), 3, 70, CPU_EVENT.capabilitiesKnown[1])).toEqual(
      chartViolation(3, 70, 'capabilities.known', 'off'),
    );
    expect(judgeSystem(system, 1, MARK['cpu.idle'])).toEqual(systemChartViolation(1, 'cpu.idle', 'off'));
    expect(chartViolation(3, 70, 'cpu.idle', 'off')).toMatchObject({
      property: 'chart',
      message: "CPU 3 marked 'cpu.idle', which its chart does not accept in state off",
    });
  });
});

describe('the numbers of events', () => {
  test('of a CPU are those of its marks, then the driver', () => {
    for (const [mark, type] of MARKS.entries()) expect(CPU_EVENTS[mark]).toEqual({ type });
    const at = (number: number) => CPU_EVENTS[number];
    expect(at(CPU_EVENT.powerOn)).toEqual({ type: 'power.on' });
    expect(at(CPU_EVENT.interruptRaised)).toEqual({ type: 'interrupt.raised' });
    expect(at(CPU_EVENT.hung)).toEqual({ type: 'cpu.hung' });
    expect(at(CPU_EVENT.stopped)).toEqual({ type: 'cpu.stopped' });
    for (const relies of [false, true])
      expect(at(CPU_EVENT.capabilitiesKnown[relies ? 1 : 0])).toEqual({
        type: 'capabilities.known',
        reliesOnBbml2: relies,
      });
    for (const [kind, number] of Object.entries(CPU_EVENT.faultTaken))
      expect(at(number)).toEqual({ type: 'fault.taken', kind });
    for (const [program, number] of Object.entries(CPU_EVENT.programFinished))
      expect(at(number)).toEqual({ type: 'program.finished', program });
  });

  test('of a system are those of the marks by each group, then the driver', () => {
    for (const by of CPU_GROUPS)
      for (const [mark, type] of MARKS.entries()) expect(SYSTEM_EVENTS[firstMarkBy(by) + mark]).toEqual({ type, by });
    for (const [type, number] of Object.entries(SYSTEM_EVENT)) expect(SYSTEM_EVENTS[number]).toEqual({ type });
  });
});

test('a board has each of its CPUs in one group, and knows which have BBML2_NOABORT', () => {
  const { cpus, groups } = chartBoard(boardPresets.get('late-cpu')!, DEFAULT_CONFIG.revision);
  expect(groups).toEqual({ boot: [0], early: [1, 2], late: [3] });
  expect(cpus.map(({ isBootCpu, isLate, qualifies }) => [isBootCpu, isLate, qualifies])).toEqual([
    [true, false, true],
    [false, false, true],
    [false, false, true],
    [false, true, false],
  ]);
});
