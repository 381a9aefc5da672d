import { type AnyMachineSnapshot, type AnyStateMachine, type EventObject, initialTransition, transition } from 'xstate';
import type { ChartTable } from '../src/check/chart-table.ts';
import { accepts } from './accepts.ts';
import { statePath } from './state-path.ts';

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
const MOST_STATES = 2 ** 15;

/**
 * The chart as a table: XState's own transitions from every state that can be reached, for every event.
 * @throws RangeError for a chart with more states than a table can name, with programs that are not on the list, or with
 * two that start at once.
 */
export function compileChart({ machine, input, events, programs, stillAsked }: CompiledFrom): ChartTable {
  const states: AnyMachineSnapshot[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (snapshot: AnyMachineSnapshot): number => {
    const key = `${JSON.stringify(snapshot.value)} ${stillAsked(snapshot)}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (states.length === MOST_STATES) throw new RangeError(`the chart has more than ${MOST_STATES} states`);
    numbers.set(key, states.length);
    return states.push(snapshot) - 1;
  };
  const next: number[] = [];
  const starts: number[] = [];
  numberOf(initialTransition(machine, input)[0]);
  for (const snapshot of states)
    for (const event of events) {
      const after = event !== undefined && accepts(snapshot, event) && transition(machine, snapshot, event)[0];
      next.push(after ? numberOf(after) : REFUSED);
      starts.push(after ? startedBetween(snapshot, after, programs) : NO_PROGRAM);
    }
  return {
    width: events.length,
    names: states.map(statePath),
    next: Int16Array.from(next),
    starts: Int8Array.from(starts),
    invoked: Uint8Array.from(states, (state) => invokedIn(state, programs)),
    ended: Uint8Array.from(states, (state) => Number(state.hasTag('ended'))),
  };
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
