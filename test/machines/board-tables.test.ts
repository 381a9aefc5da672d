import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, createMachine, setup } from 'xstate';
import { compileCharts, compileSystem } from '../../machines/board-tables.ts';
import { cpuEventOf } from '../../machines/chart-event.ts';
import { compileChart } from '../../machines/compile-chart.ts';
import { standing } from '../../machines/cpu/cpu-chart.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { systemMachine } from '../../machines/system.machine.ts';
import { CHART_VOCABULARY, CPU_EVENTS, PROGRAMS, SYSTEM_EVENTS } from '../../src/check/chart/chart-events.ts';
import { type ChartTable, REFUSED } from '../../src/check/chart/chart-table.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import { boardOf, compareCpu, compareSystem } from './chart-agreement.ts';

const everyKind = boardOf(5, [2, 3, 4], [3]);
const tables = compileCharts(everyKind, CHART_VOCABULARY);
const [boot, early] = tables.cpus as [ChartTable, ChartTable];

describe('table and chart agree on every event in every state that can be reached', () => {
  test.each([
    ['the boot CPU', 0],
    ['an early secondary', 1],
    ['a late CPU that lacks BBML2_NOABORT', 2],
    ['a late CPU that has it', 3],
  ])('of %s', (_, cpu) => {
    const table = tables.cpus[cpu]!;
    const { disagreements, states } = compareCpu(table, everyKind.cpus[cpu]!);
    expect(disagreements).toEqual([]);
    expect(states).toBe(table.names.length);
  });

  test.each([
    [1, []],
    [2, []],
    [2, [1]],
    [4, []],
    [4, [1, 2, 3]],
  ])('of a system of %d CPUs, late ones %j', (cpus, late) => {
    const board = boardOf(cpus, late);
    const table = compileSystem(board, CHART_VOCABULARY);
    const { disagreements, states, pairs } = compareSystem(table, board);
    expect(disagreements).toEqual([]);
    expect(states).toBe(table.names.length);
    expect(pairs).toBeGreaterThan(states); // the chart's own counts are told apart here
  });
});

describe('the comparison notices', () => {
  const board = boardOf(3, [2]);
  const system = compileSystem(board, CHART_VOCABULARY);
  const choose = seededChooser(7);
  const pick = <T>(from: readonly T[]): T => from[choose(from.length, 'program')]!;
  const elsewhere = (table: ChartTable, cell: number): number => {
    const now = table.next[cell]!;
    const others = [...table.names.keys()].filter((to) => now === REFUSED || table.names[to] !== table.names[now]);
    return pick(now === REFUSED ? others : [REFUSED, ...others]);
  };
  const withCell = <K extends 'next' | 'starts' | 'invoked' | 'ended'>(
    table: ChartTable,
    column: K,
    cell: number,
    value: number,
  ): ChartTable => ({ ...table, [column]: table[column].with(cell, value) });

  test('any one changed cell of the table', () => {
    for (let mutant = 0; mutant < 3; mutant++) {
      const cell = choose(system.next.length, 'program');
      const changed = withCell(system, 'next', cell, elsewhere(system, cell));
      expect(compareSystem(changed, board, 1).disagreements, `cell ${cell}`).not.toEqual([]);
    }
    for (let mutant = 0; mutant < 1; mutant++) {
      const cell = choose(early.next.length, 'program');
      const changed = withCell(early, 'next', cell, elsewhere(early, cell));
      expect(compareCpu(changed, everyKind.cpus[1]!, 1).disagreements, `cell ${cell}`).not.toEqual([]);
    }
  });

  test('a program that is not started, or another one; one that does not belong to its state; an end that is none', () => {
    const starting = early.starts.indexOf(PROGRAMS.indexOf('stopper'));
    for (const changed of [
      withCell(early, 'starts', starting, -1),
      withCell(early, 'starts', starting, PROGRAMS.indexOf('boot')),
      withCell(early, 'invoked', 7, early.invoked[7]! ^ 2),
      withCell(early, 'ended', 7, 1 - early.ended[7]!),
      { ...early, names: early.names.with(7, 'elsewhere') },
    ])
      expect(compareCpu(changed, everyKind.cpus[1]!, 1).disagreements).not.toEqual([]);
  });

  test('the table of another kind of CPU, or of another board', () => {
    expect(compareCpu(boot, everyKind.cpus[1]!, 1).disagreements).not.toEqual([]);
    expect(compareCpu(tables.cpus[3]!, everyKind.cpus[2]!, 1).disagreements).not.toEqual([]);
    expect(compareSystem(compileSystem(boardOf(4, [2]), CHART_VOCABULARY), board, 1).disagreements).not.toEqual([]);
  });
});

describe('nothing that matters is left out of the tables', () => {
  test('CPUs of one kind share a table, and different kinds have different ones', () => {
    expect(new Set(tables.cpus).size).toBe(4);
    expect(tables.cpus[4]).toBe(tables.cpus[2]);
  });

  test('the vocabulary has every event that the charts know', () => {
    const known = (machine: AnyStateMachine): string[] => machine.events.filter((type) => type !== '*');
    const cpu = new Set<string>(CPU_EVENTS.map((event) => cpuEventOf(event).type));
    expect(known(cpuMachine).filter((type) => !cpu.has(type))).toEqual([]);
    const system = new Set<string>(SYSTEM_EVENTS.map(({ type }) => type));
    expect(known(systemMachine).filter((type) => !system.has(type))).toEqual([]);
  });

  /** What guards read of the context: whatever is not input or counted here, the tables do not tell apart. */
  test('guards ask nothing of the context but what the tables tell apart', () => {
    expect(readByGuards(cpuMachine, CPU_EVENTS.map(cpuEventOf))).toEqual(
      ['isBootCpu', 'isLate', 'qualifies', 'reliesOnBbml2'], // three of input, and the answer
    );
    expect(readByGuards(systemMachine, SYSTEM_EVENTS)).toEqual(
      ['away', 'cpus', 'lateCpus', 'left', 'online', 'parked', 'refused'], // two of input, and the counts
    );
  });
});

describe('what cannot be compiled is refused', () => {
  const from = { input: undefined, events: [{ type: 'power.on' }], stillAsked: () => '' };
  const invoking = (...ids: string[]) =>
    setup({ actors: { standing } }).createMachine({
      initial: 'off',
      states: {
        off: { on: { 'power.on': 'on' } },
        on: { invoke: ids.map((id) => ({ src: 'standing' as const, id, input: { cpu: 0 } })) },
      },
    });

  test('two programs that start at once', () => {
    const machine = invoking('boot', 'idle');
    expect(() => compileChart({ ...from, machine, programs: PROGRAMS })).toThrow('starts boot and idle at once');
  });

  test('a program that nobody knows', () => {
    const machine = invoking('nap');
    expect(() => compileChart({ ...from, machine, programs: PROGRAMS })).toThrow(
      'invokes nap, which is not on the list',
    );
    expect(compileChart({ ...from, machine, programs: ['nap'] }).starts).toEqual(Int8Array.of(0, -1));
  });

  test('more states than a table can name', () => {
    const counting = createMachine({ initial: 'on', states: { on: { on: { 'power.on': { actions: () => {} } } } } });
    let answers = 0;
    const endless = { ...from, machine: counting, programs: [], stillAsked: () => `${answers++}` };
    expect(() => compileChart(endless)).toThrow('more than 32768 states');
  });
});

/** Names of the context's parts that the chart's guards look at, for any of these events, in some order. */
function readByGuards(machine: AnyStateMachine, events: readonly object[]): string[] {
  const read = new Set<string>();
  for (const answer of [false, true, 'unknown', 0]) {
    const context = new Proxy(
      {},
      {
        get: (_, name) => {
          read.add(String(name));
          return name === 'lateCpus' ? [2] : name === 'isLate' ? true : answer;
        },
      },
    );
    for (const guard of Object.values(machine.implementations.guards) as unknown[])
      if (typeof guard === 'function' && !('check' in guard))
        for (const event of events) guard({ context, event: { cpu: 1, ...event } }, { kind: 'translation' });
  }
  return [...read].sort();
}
