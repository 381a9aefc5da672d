import { describe, expect, test } from 'vitest';
import { compileCharts, lazyCharts } from '../../machines/board-tables.ts';
import { CHART_VOCABULARY, CPU_EVENT, SYSTEM_EVENT } from '../../src/check/chart/chart-events.ts';
import { type ChartTable, NOBODY, type Taking } from '../../src/check/chart/chart-table.ts';
import { MARK } from '../../src/kernel/marks.ts';
import { boardOf } from './chart-agreement.ts';

const board = boardOf(3, [2], []);
const lazy = lazyCharts(board, CHART_VOCABULARY);
const [boot, early] = lazy.cpus as [ChartTable, ChartTable];

/** Goes from the beginning through these events, and says what took the last. */
function lastTaking(table: ChartTable, events: readonly number[]): Taking | undefined {
  let state = 0;
  let cell = -1;
  for (const event of events) {
    cell = state * table.width + event;
    const to = table.resolve!(state, event);
    if (to >= 0) state = to;
  }
  const by = table.takenBy[cell]!;
  return by === NOBODY ? undefined : table.takings[by];
}

const SWITCHED_ON = [CPU_EVENT.powerOn, MARK['cpu.started'], MARK['features.detected'], MARK['cpu.online']];
const STOPPED = [
  ...SWITCHED_ON,
  CPU_EVENT.programFinished.boot,
  CPU_EVENT.interruptRaised,
  MARK['stopMachine.prepare'],
  MARK['stopMachine.irqsOff'],
  MARK['stopMachine.run'],
];

describe('what takes an event', () => {
  test('is a state by its path, without what is only passed through', () => {
    expect(lastTaking(boot, [CPU_EVENT.powerOn, MARK['cpu.started']])).toEqual({
      states: ['booting.starting'],
      event: 'cpu.started',
    });
  });

  test('is called by the name of the program that has ended', () => {
    const taking = lastTaking(early, [...SWITCHED_ON, CPU_EVENT.programFinished.boot]);
    expect(taking).toEqual({ states: ['online.task.settling'], event: 'program.finished(boot)' });
  });

  test('is several states where several regions go on', () => {
    const taking = lastTaking(early, [...STOPPED, MARK['repaint.parking'], MARK['idmap.installed']]);
    expect(taking!.states).toEqual(['online.stop.run.parking.called', 'online.translation.swapper']);
  });

  test('is nobody where the event is refused', () => {
    expect(lastTaking(early, [...STOPPED, MARK['repaint.painting']])).toBeUndefined();
    expect(lastTaking(boot, [MARK['cpu.online']])).toBeUndefined();
  });

  test('is the chart as a whole for what it only passes over', () => {
    const passed = lastTaking(lazy.system, [MARK['features.detected']]);
    expect(passed).toEqual({ states: ['anywhere'], event: '*' });
    expect(lastTaking(lazy.system, [SYSTEM_EVENT['violation.found']])!.event).toBe('violation.found');
  });
});

test('compiled tables know all that lazy ones come to, and each accepted cell has a taker', () => {
  const compiled = compileCharts(board, CHART_VOCABULARY);
  for (const table of [...compiled.cpus, compiled.system]) {
    const known = new Set(table.takings.map((taking) => JSON.stringify(taking)));
    expect(known.size).toBe(table.takings.length);
    table.next.forEach((to, cell) => {
      expect(table.takenBy[cell]! >= 0).toBe(to >= 0);
    });
  }
  const all = new Set(compiled.cpus.flatMap(({ takings }) => takings.map((taking) => JSON.stringify(taking))));
  for (const { takings } of lazy.cpus) for (const taking of takings) expect(all).toContain(JSON.stringify(taking));
});
