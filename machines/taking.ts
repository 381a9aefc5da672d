import type { AnyMachineSnapshot, AnyStateNode, EventObject } from 'xstate';
import type { Taking } from '../src/check/chart/chart-table.ts';

/**
 * What of the chart takes an event that it accepts, in the words of whoever drew it: states by their path, without those
 * that `meta.lane` calls `through`, and that a program has ended by the program's name.
 */
export function takingOf(snapshot: AnyMachineSnapshot, event: EventObject): Taking {
  const { machine } = snapshot;
  const taken = machine
    .getTransitionData(snapshot, event)
    .filter(({ target, actions }) => target !== undefined || actions.length > 0);
  const states = [...new Set(taken.map(({ source }) => pathOf(source)))];
  return { states, event: taken[0]!.eventType.replace(PROGRAM_ENDED, 'program.finished($1)') };
}

const PROGRAM_ENDED = /^xstate\.done\.actor\.(.*)$/;

function pathOf(node: AnyStateNode): string {
  const path: string[] = [];
  for (let at = node; at.parent !== undefined; at = at.parent)
    if (at === node || at.meta?.lane !== 'through') path.unshift(at.key);
  return path.length === 0 ? 'anywhere' : path.join('.');
}
