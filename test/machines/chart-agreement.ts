import { type AnyMachineSnapshot, type AnyStateMachine, type EventObject, initialTransition, transition } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { cpuEventOf } from '../../machines/chart-event.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import { type SystemContext, type SystemEvent, systemMachine } from '../../machines/system.machine.ts';
import type { ChartBoard, ChartCpu } from '../../src/check/chart/chart-board.ts';
import { CPU_EVENTS, PROGRAMS, SYSTEM_EVENTS } from '../../src/check/chart/chart-events.ts';
import {
  type ChartTable,
  type CpuChart,
  type SystemChart,
  tableCharts,
  tableWalker,
} from '../../src/check/chart/chart-table.ts';
import { MARKS } from '../../src/kernel/marks.ts';

/** A board of which the charts see the groups only. `qualifies`: late CPUs that have BBML2_NOABORT. */
export function boardOf(cpus: number, late: readonly number[] = [], qualifies: readonly number[] = []): ChartBoard {
  const ids = [...Array(cpus).keys()];
  const isLate = (cpu: number): boolean => late.includes(cpu);
  return {
    cpus: ids.map((cpu) => ({
      cpu,
      isBootCpu: cpu === 0,
      isLate: isLate(cpu),
      qualifies: qualifies.includes(cpu),
    })),
    groups: { boot: [0], early: ids.filter((cpu) => cpu !== 0 && !isLate(cpu)), late },
  };
}

/** Where a table and its chart were found to differ; empty: nowhere. */
export interface Compared {
  readonly disagreements: readonly string[];
  /** Table states that were stood in, and pairs of such a state with a snapshot of the chart. */
  readonly states: number;
  readonly pairs: number;
}

/** So many disagreements are told; to know that there is one, 1 is enough. */
const ENOUGH = 5;

/** A chart beside its table: both are told the same. */
interface SideBySide<Walker extends CpuChart | SystemChart> {
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  readonly table: ChartTable;
  readonly walker: Walker;
  readonly told: readonly { readonly event: EventObject; readonly tell: (walker: Walker) => boolean }[];
  /** All of the context that may matter: more than the table tells apart. */
  readonly context: (snapshot: AnyMachineSnapshot) => unknown;
  readonly enough: number;
}

export function compareCpu(table: ChartTable, cpu: ChartCpu, enough = ENOUGH): Compared {
  return compare<CpuChart>({
    machine: cpuMachine,
    input: cpu,
    table,
    walker: tableWalker(table),
    told: CPU_EVENTS.map((event, number) => ({
      event: cpuEventOf(event),
      tell: (walker: CpuChart) => walker.step(number),
    })),
    context: ({ context }) => context.reliesOnBbml2,
    enough,
  });
}

/** Every mark by every CPU, and the driver's events. */
export function compareSystem(table: ChartTable, board: ChartBoard, enough = ENOUGH): Compared {
  const cpus = board.cpus.length;
  const marks = board.cpus.flatMap(({ cpu }) =>
    MARKS.map((type, mark) => {
      const event: SystemEvent = { type, cpu };
      return { event, tell: (walker: SystemChart) => walker.mark(cpu, mark) };
    }),
  );
  const others = SYSTEM_EVENTS.flatMap((event, number) =>
    event.by === undefined ? [{ event, tell: (walker: SystemChart) => walker.step(number) }] : [],
  );
  const upTo = (count: number): number => Math.min(count, cpus + 2);
  return compare<SystemChart>({
    machine: systemMachine,
    input: { cpus, lateCpus: board.groups.late },
    table,
    walker: tableCharts({ cpus: [], system: table }, board).system,
    told: [...marks, ...others],
    context: ({ context }) => {
      const { online, refused, away, parked, left } = context as SystemContext;
      return [online, refused, away, parked, left].map(upTo);
    },
    enough,
  });
}

/** Goes wherever both can go together, and has them asked everything there. */
function compare<Walker extends CpuChart | SystemChart>(side: SideBySide<Walker>): Compared {
  const { machine, walker, told, table } = side;
  const disagreements: string[] = [];
  const pairs = new Set<string>();
  const queue: { readonly at: number; readonly snapshot: AnyMachineSnapshot }[] = [];
  const meet = (snapshot: AnyMachineSnapshot): void => {
    const pair = JSON.stringify([walker.save(), snapshot.value, side.context(snapshot)]);
    if (pairs.has(pair)) return;
    pairs.add(pair);
    queue.push({ at: walker.save(), snapshot });
    const [inTable, inChart] = [inWordsOf(walker, table), inWords(snapshot)];
    if (inTable !== inChart) disagreements.push(`the table stands in ${inTable}, the chart in ${inChart}`);
  };
  meet(initialTransition(machine, side.input)[0]);
  for (const { at, snapshot } of queue)
    for (const { event, tell } of told) {
      if (disagreements.length >= side.enough) break;
      walker.restore(at);
      const where = `${walker.state}: ${JSON.stringify(event)}`;
      const [taken, accepted] = [tell(walker), accepts(snapshot, event)];
      if (taken !== accepted) disagreements.push(`${where}: table ${taken}, chart ${accepted}`);
      if (!taken && walker.save() !== at) disagreements.push(`${where}: a refused event moves the table`);
      if (!taken || !accepted) continue;
      const after = transition(machine, snapshot, event)[0];
      const [starts, started] = ['started' in walker ? walker.started : -1, startedBetween(snapshot, after)];
      if (starts !== started) disagreements.push(`${where}: table starts ${starts}, chart ${started}`);
      meet(after);
    }
  return { disagreements, states: new Set(queue.map(({ at }) => at)).size, pairs: pairs.size };
}

function inWordsOf(walker: CpuChart | SystemChart, { invoked }: ChartTable): string {
  const programs = PROGRAMS.filter((_, number) => (invoked[walker.save()]! >> number) & 1);
  return `${walker.state} {${programs}}${walker.ended ? ' ended' : ''}`;
}

function inWords(snapshot: AnyMachineSnapshot): string {
  const programs = PROGRAMS.filter((name) => name in snapshot.children);
  return `${statePath(snapshot)} {${programs}}${snapshot.hasTag('ended') ? ' ended' : ''}`;
}

/** The program, by number, that has another actor afterwards; -1: none. */
function startedBetween(before: AnyMachineSnapshot, after: AnyMachineSnapshot): number {
  return PROGRAMS.findIndex((id) => id in after.children && after.children[id] !== before.children[id]);
}
