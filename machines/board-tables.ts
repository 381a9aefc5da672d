import type { AnyMachineSnapshot, StateValue } from 'xstate';
import type { ChartBoard, ChartCpu } from '../src/check/chart/chart-board.ts';
import type { ChartVocabulary } from '../src/check/chart/chart-events.ts';
import type { ChartTable, ChartTables } from '../src/check/chart/chart-table.ts';
import { cpuEventOf, systemEventOf } from './chart-event.ts';
import { type CompiledFrom, compileChart, lazyChart } from './compile-chart.ts';
import { cpuMachine } from './cpu.machine.ts';
import { type SystemContext, systemMachine } from './system.machine.ts';

/**
 * All charts of a board as tables. `words`: `CHART_VOCABULARY`. The first of each kind of CPU takes most of a second; CPUs
 * of a kind share a table, on whichever board.
 */
export function compileCharts(board: ChartBoard, words: ChartVocabulary): ChartTables {
  return { cpus: board.cpus.map((cpu) => tableOf(cpu, words)), system: compileSystem(board, words) };
}

/** The same tables, whose cells are found out as a run comes to them: for whoever cannot wait for all of them. */
export function lazyCharts(board: ChartBoard, words: ChartVocabulary): ChartTables {
  const kinds = new Map<string, ChartTable>();
  const tableFor = (cpu: ChartCpu): ChartTable => {
    const kind = kindOf(cpu);
    const table = kinds.get(kind) ?? lazyChart(cpuChart(cpu, words));
    kinds.set(kind, table);
    return table;
  };
  return { cpus: board.cpus.map(tableFor), system: lazyChart(systemChart(board, words)) };
}

const compiled = new WeakMap<ChartVocabulary, Map<string, ChartTable>>();

function tableOf(cpu: ChartCpu, words: ChartVocabulary): ChartTable {
  const byKind = compiled.get(words) ?? new Map<string, ChartTable>();
  compiled.set(words, byKind);
  const kind = kindOf(cpu);
  const table = byKind.get(kind) ?? compileChart(cpuChart(cpu, words));
  byKind.set(kind, table);
  return table;
}

function kindOf({ isBootCpu, isLate, qualifies }: ChartCpu): string {
  return JSON.stringify([isBootCpu, isLate, isLate && qualifies]);
}

function cpuChart(cpu: ChartCpu, { cpu: events, programs }: ChartVocabulary): CompiledFrom {
  return { machine: cpuMachine, input: cpu, events: events.map(cpuEventOf), programs, stillAsked: askedOfCpu };
}

/** A late CPU is done with the system's answer once it is online, or refused, or worse. What it counts nobody asks. */
function askedOfCpu({ value, context }: AnyMachineSnapshot): string {
  const boots = typeof value === 'object' && typeof value.powered === 'object' && 'booting' in value.powered;
  return boots ? String(context.reliesOnBbml2) : '';
}

/** The chart of the whole board alone. */
export function compileSystem(board: ChartBoard, words: ChartVocabulary): ChartTable {
  return compileChart(systemChart(board, words));
}

function systemChart(board: ChartBoard, { system: events }: ChartVocabulary): CompiledFrom {
  return {
    machine: systemMachine,
    input: { cpus: board.cpus.length, lateCpus: board.groups.late },
    events: events.map((event) => systemEventOf(event, board)),
    programs: [],
    stillAsked: askedOfSystem,
  };
}

/**
 * No count goes beyond the number of CPUs. Of those that parked it is asked how many are still in; once the system runs nobody asks
 * who was refused.
 */
function askedOfSystem({ value, context }: AnyMachineSnapshot): string {
  if (typeof value === 'string' || value.up === undefined) return '';
  const { online, refused, away, parked, left } = context as SystemContext;
  const { boot } = value.up as { readonly boot: StateValue };
  if (boot === 'running') return `${online} ${away}`;
  return `${online} ${away} ${refused} ${parked - left}`;
}
