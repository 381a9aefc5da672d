import type { AnyStateMachine, AnyStateNode, StateValue } from 'xstate';

/** Whatever knows where its machine stands: a snapshot. */
export interface Standing {
  readonly machine: AnyStateMachine;
  readonly value: StateValue;
}

/**
 * Where a chart stands, in a few words: `online: idle · parked · idmap`. The outermost state, then the innermost one of
 * each region; of regions that go on from the start the first one leads. A state's `meta.lane` shortens that: `through` is
 * not named, `whole` is named without what is inside it, `quiet` is not worth a word.
 */
export function statePath({ machine, value }: Standing): string {
  const [head, ...rest] = outermost(machine.root, value);
  return rest.length === 0 ? head! : `${head}: ${rest.join(' · ')}`;
}

function outermost(node: AnyStateNode, value: StateValue): string[] {
  const [[key, inside], ...beside] = regions(value) as [Region, ...Region[]];
  const child = node.states[key]!;
  const names = inside !== undefined && laneOf(child) === 'through' ? outermost(child, inside) : [key];
  const within = inside === undefined || laneOf(child) !== undefined ? [] : innermost(child, regions(inside));
  return [...names, ...within, ...innermost(node, beside)];
}

function innermost(node: AnyStateNode, of: readonly Region[]): string[] {
  return of.flatMap(([key, inside]) => {
    const child = node.states[key]!;
    if (laneOf(child) === 'quiet') return [];
    return inside === undefined || laneOf(child) === 'whole' ? [key] : innermost(child, regions(inside));
  });
}

/** A state, and what is inside it. */
type Region = readonly [key: string, inside: StateValue | undefined];

function regions(value: StateValue): Region[] {
  return typeof value === 'string' ? [[value, undefined]] : Object.entries(value);
}

function laneOf(node: AnyStateNode): 'through' | 'whole' | 'quiet' | undefined {
  return node.meta?.lane;
}
