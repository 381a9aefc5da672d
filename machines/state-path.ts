import type { AnyStateMachine, AnyStateNode, StateValue } from 'xstate';

/** Whatever knows where its machine stands: a snapshot. */
export interface Standing {
  readonly machine: AnyStateMachine;
  readonly value: StateValue;
}

/**
 * Where a chart stands, in a few words: `online: idle · parked · idmap`. The outermost state, then the innermost one of
 * each region. A state's `meta.lane` shortens that: `through` is not named, `whole` is named without what is inside it,
 * `quiet` is not worth a word.
 */
export function statePath({ machine, value }: Standing): string {
  const [head, ...rest] = outermost(machine.root, value);
  return rest.length === 0 ? head! : `${head}: ${rest.join(' · ')}`;
}

function outermost(node: AnyStateNode, value: StateValue): string[] {
  const [key, inside] = regions(value)[0]!;
  const child = node.states[key]!;
  if (inside === undefined || laneOf(child) === 'whole') return [key];
  return laneOf(child) === 'through' ? outermost(child, inside) : [key, ...innermost(child, inside)];
}

function innermost(node: AnyStateNode, value: StateValue): string[] {
  return regions(value).flatMap(([key, inside]) => {
    const child = node.states[key]!;
    if (laneOf(child) === 'quiet') return [];
    return inside === undefined || laneOf(child) === 'whole' ? [key] : innermost(child, inside);
  });
}

function regions(value: StateValue): [string, StateValue | undefined][] {
  return typeof value === 'string' ? [[value, undefined]] : Object.entries(value);
}

function laneOf(node: AnyStateNode): 'through' | 'whole' | 'quiet' | undefined {
  return node.meta?.lane;
}
