import { type AnyMachineSnapshot, type AnyStateMachine, type EventObject, initialTransition, transition } from 'xstate';
import type { ChartTable, Taking } from '../src/check/chart/chart-table.ts';
import { accepts } from './accepts.ts';
import { statePath } from './state-path.ts';
import { takingOf } from './taking.ts';

/** What a table is compiled from. */
export interface CompiledFrom {
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  /** A table's event n is the n-th here; undefined: one that cannot happen, which the chart refuses everywhere. */
  readonly events: readonly (EventObject | undefined)[];
  /** A program's number is the place of its id here. */
  readonly programs: readonly string[];
  /**
   * What of the context the chart may still ask, in words. Where that and the state's value are the same, the chart goes
   * on in the same way, so such snapshots are one state of the table. There must be an end to different answers.
   */
  readonly stillAsked: (snapshot: AnyMachineSnapshot) => string;
}

const REFUSED = -1;
const NO_PROGRAM = -1;
const NOBODY = -1;
const UNKNOWN = -2;
const MOST_STATES = 2 ** 15;

/**
 * The chart as a table: XState's own transitions from every state that can be reached, for every event.
 * @throws RangeError for a chart with more states than a table can name, with programs that are not on the list, or with
 * two that start at once.
 */
export function compileChart(from: CompiledFrom): ChartTable {
  const { table, states } = growing(from, 64);
  for (let state = 0; state < states(); state++)
    for (let event = 0; event < table().width; event++) table().resolve!(state, event);
  const { width, next, starts, takings, takenBy, names, invoked, ended } = table();
  const count = states();
  return {
    width,
    names,
    next: next.slice(0, count * width),
    starts: starts.slice(0, count * width),
    takings,
    takenBy: takenBy.slice(0, count * width),
    invoked: invoked.slice(0, count),
    ended: ended.slice(0, count),
  };
}

/** The same table, whose cells are found out when somebody first asks: what a run comes to is a small part of it. */
export function lazyChart(from: CompiledFrom, mostStates = 2048): ChartTable {
  return growing(from, mostStates, false).table();
}

function growing(from: CompiledFrom, room: number, mayGrow = true): { table: () => ChartTable; states: () => number } {
  const { machine, input, events, programs, stillAsked } = from;
  const states: AnyMachineSnapshot[] = [];
  const numbers = new Map<string, number>();
  const takings = new Map<string, number>();
  let table = emptyTable(events.length, room, resolve);
  numberOf(initialTransition(machine, input)[0]);
  return { table: () => table, states: () => states.length };

  function numberOf(snapshot: AnyMachineSnapshot): number {
    const key = `${JSON.stringify(snapshot.value)} ${stillAsked(snapshot)}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = states.length;
    if (number === MOST_STATES || (number === room && !mayGrow))
      throw new RangeError(`the chart has more than ${number} states`);
    if (number === table.invoked.length) table = roomier(table, resolve);
    numbers.set(key, number);
    (table.names as string[]).push(statePath(snapshot));
    table.invoked[number] = invokedIn(snapshot, programs);
    table.ended[number] = Number(snapshot.hasTag('ended'));
    return states.push(snapshot) - 1;
  }

  function resolve(state: number, number: number): number {
    const snapshot = states[state]!;
    const event = events[number];
    const after = event !== undefined && accepts(snapshot, event) && transition(machine, snapshot, event)[0];
    const to = after ? numberOf(after) : REFUSED;
    const cell = state * events.length + number;
    table.next[cell] = to;
    table.starts[cell] = after ? startedBetween(snapshot, after, programs) : NO_PROGRAM;
    table.takenBy[cell] = after ? takingNumber(takingOf(snapshot, event!)) : NOBODY;
    return to;
  }

  function takingNumber(taking: Taking): number {
    const key = `${taking.states.join(' ')} ${taking.event}`;
    const number = takings.get(key) ?? takings.size;
    if (number === takings.size) {
      takings.set(key, number);
      (table.takings as Taking[]).push(taking);
    }
    return number;
  }
}

function emptyTable(width: number, room: number, resolve: NonNullable<ChartTable['resolve']>): ChartTable {
  return {
    width,
    names: [],
    next: new Int16Array(room * width).fill(UNKNOWN),
    starts: new Int8Array(room * width).fill(NO_PROGRAM),
    takings: [],
    takenBy: new Int16Array(room * width).fill(NOBODY),
    invoked: new Uint8Array(room),
    ended: new Uint8Array(room),
    resolve,
  };
}

function roomier(table: ChartTable, resolve: NonNullable<ChartTable['resolve']>): ChartTable {
  const twice = emptyTable(table.width, 2 * table.invoked.length, resolve);
  for (const column of ['next', 'starts', 'takenBy', 'invoked', 'ended'] as const) twice[column].set(table[column]);
  return { ...twice, names: table.names, takings: table.takings };
}

/** A program that is started anew is another actor, also where it takes the place of one with its id. */
function startedBetween(before: AnyMachineSnapshot, after: AnyMachineSnapshot, programs: readonly string[]): number {
  const started = Object.keys(after.children).filter((id) => after.children[id] !== before.children[id]);
  if (started.length > 1) throw new RangeError(`the chart starts ${started.join(' and ')} at once`);
  return started.length === 0 ? NO_PROGRAM : programNumber(started[0]!, programs);
}

function invokedIn({ children }: AnyMachineSnapshot, programs: readonly string[]): number {
  return Object.keys(children).reduce((bits, id) => bits | (1 << programNumber(id, programs)), 0);
}

function programNumber(id: string, programs: readonly string[]): number {
  const number = programs.indexOf(id);
  if (number < 0) throw new RangeError(`the chart invokes ${id}, which is not on the list of programs`);
  return number;
}
