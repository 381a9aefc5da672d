import { ACTS, actOf, CUT, type Decide, type Ready, STEP } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import { dependent, type Footprint, footprintOf, trackerOf, union } from './footprint.ts';
import { type ChanceNode, type Checkpoint, chanceNode, type Exhaustive, tally } from './tree-search.ts';

/** How far an exhaustive search goes. What equivalent schedules have in common is counted, so that no class is half searched. */
export interface Bounds {
  /** Acts of the hardware by itself (drains, speculative walks) in one schedule, at most. */
  readonly hardwareActs: number;
  /** Times in one schedule that chance may fall otherwise than tamely, at most. */
  readonly chances: number;
  /** `none`: acts are taken to depend on each other, whatever they touch, so that every order of them is a class of its own. */
  readonly reduction?: 'source-sets' | 'none';
}

export const NO_BOUNDS: Bounds = { hardwareActs: Number.POSITIVE_INFINITY, chances: Number.POSITIVE_INFINITY };

/** A place in the tree of all schedules where somebody acts. */
interface ActNode {
  /** How many acts come before it. */
  readonly position: number;
  readonly actors: readonly number[];
  /** Who must act here on some branch; grows as races are met. */
  readonly due: Set<number>;
  /** Whoever need not act here: all that follows was searched with it first, and nothing since depends on it. */
  readonly asleep: Map<number, Footprint>;
  /** Who acts on the branch that is being searched. */
  actor: number;
  /** What the actor's act has touched, on all branches of it so far, and on the last. */
  touched: Footprint | undefined;
  last: Footprint | undefined;
  /** By actor: how many positions up to its last act that this one depends on, directly or not; itself included. */
  readonly clock: Int32Array;
  /** Acts of the hardware before this place. */
  readonly hardwareActs: number;
  /** No CPU can go on: what has been stored leaves, within any bound. */
  readonly forced: boolean;
}

type Node = ActNode | ChanceNode;

const isAct = (node: Node): node is ActNode => 'actors' in node;

/**
 * Every schedule within the bounds, but of those that differ only in the order of independent acts one: depth first, by
 * dynamic partial-order reduction with source sets (Abdulla, Aronis, Jonsson, Sagonas 2014) and sleep sets (Godefroid 1996).
 * Branches are run again from the start. What depends on what is seen as it happens (footprint.ts). The hardware need not
 * act at all, so whatever it may do is tried at every place. Of places that are alike (`place`) the first is taken.
 */
export function exhaustive(interleaver: Interleaver, bounds: Bounds = NO_BOUNDS, from?: Checkpoint): Exhaustive {
  const tracker = trackerOf(interleaver);
  const depend = bounds.reduction === 'none' ? () => true : dependent;
  const allActors = interleaver.lanes.length * ACTS;
  const stack: Node[] = from === undefined ? [] : from.stack.map((node) => thawed(node as Frozen | ChanceNode));
  let depth = 0;
  let hardwareActs = 0;
  let chances = 0;
  let current: ActNode | undefined;
  /** The acts of this run, and from which position on they have not been run before. */
  const path: ActNode[] = [];
  let fresh = 0;
  const { finish, soFar, ...counts } = tally(from);

  const decide: Decide = {
    always: true,
    next(ready) {
      const node = (stack[depth++] as ActNode | undefined) ?? grow(ready);
      if (node === undefined) return CUT;
      if (node.position === fresh) tracker.begin();
      current = node;
      path.push(node);
      if (actOf(node.actor) !== STEP && !node.forced) hardwareActs++;
      return ready.actors.indexOf(node.actor);
    },
    chance(bound, kind) {
      let node = stack[depth++] as ChanceNode | undefined;
      if (node === undefined) {
        node = chanceNode(bound, kind, chances < bounds.chances);
        stack.push(node);
      }
      if (node.answer > 0) chances++;
      return node.answer;
    },
  };

  return {
    name: 'dfs',
    ...counts,
    decide() {
      if (counts.finished() || (stack.length > 0 && !turn())) {
        finish();
        tracker.end();
        return undefined;
      }
      depth = 0;
      hardwareActs = 0;
      chances = 0;
      current = undefined;
      path.length = 0;
      fresh = stack.findLast(isAct)?.position ?? 0;
      tracker.end();
      return decide;
    },
    acted(actor) {
      const node = current!;
      if (node.position < fresh) return;
      const footprint = tracker.acted(actor);
      node.last = footprint;
      node.touched = node.touched === undefined ? footprint : union(node.touched, footprint);
      findRaces(path, node, depend, mayAct);
    },
    checkpoint: () => ({
      strategy: 'dfs',
      ...soFar(),
      stack: stack.map((node) => (isAct(node) ? frozen(node) : { ...node })),
    }),
  };

  /** A new place, where somebody who is not asleep acts; undefined if everybody is. */
  function grow({ actors, cpus, count }: Ready): ActNode | undefined {
    const asleep = new Map<number, Footprint>();
    if (current !== undefined)
      for (const [actor, touched] of current.asleep) if (!depend(touched, current.last!)) asleep.set(actor, touched);
    const able = Array.from(actors.subarray(0, count));
    const node: ActNode = {
      position: path.length,
      actors: able,
      due: new Set(able.slice(cpus)),
      asleep,
      actor: -1,
      touched: undefined,
      last: undefined,
      clock: new Int32Array(allActors),
      hardwareActs,
      forced: cpus === 0,
    };
    const first = able.slice(0, Math.max(cpus, 1)).find((actor) => !asleep.has(actor));
    if (first !== undefined) node.due.add(first);
    if (!choose(node)) return undefined;
    stack.push(node);
    return node;
  }

  function choose(node: ActNode): boolean {
    const mayAct = (actor: number): boolean =>
      node.due.has(actor) &&
      !node.asleep.has(actor) &&
      (actOf(actor) === STEP || node.hardwareActs < bounds.hardwareActs);
    const actor = node.actors.find(mayAct);
    if (actor === undefined) return false;
    node.actor = actor;
    return true;
  }

  /** The bounds allow it. */
  function mayAct(node: ActNode, actor: number): boolean {
    return node.forced || actOf(actor) === STEP || node.hardwareActs < bounds.hardwareActs;
  }

  /** To the next branch: the deepest place that has one. */
  function turn(): boolean {
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (!isAct(node)) {
        if (++node.answer < node.limit) return true;
      } else {
        node.asleep.set(node.actor, node.touched!);
        node.touched = undefined;
        if (choose(node)) return true;
      }
      stack.pop();
    }
    return false;
  }
}

/**
 * The last act of `path` against those before it: an earlier act that it depends on, and that no act between the two already
 * makes it wait for, might as well have come later. Whoever could bring that about is due where the earlier act was.
 */
function findRaces(path: readonly ActNode[], node: ActNode, depend: typeof dependent, mayAct: MayAct): void {
  const { clock, actor, last } = node;
  clock.fill(0);
  for (let at = node.position - 1; at >= 0; at--) {
    const earlier = path[at]!;
    if (at < clock[earlier.actor]!) continue;
    const same = earlier.actor === actor;
    if (!same && !depend(earlier.last!, last!)) continue;
    for (let id = 0; id < clock.length; id++) clock[id] = Math.max(clock[id]!, earlier.clock[id]!);
    if (!same) reverse(path, earlier, node, mayAct);
  }
  clock[actor] = node.position + 1;
}

type MayAct = (node: ActNode, actor: number) => boolean;

/** Makes somebody due at `earlier` who starts a run in which `later` comes before it. */
function reverse(path: readonly ActNode[], earlier: ActNode, later: ActNode, mayAct: MayAct): void {
  const between: ActNode[] = [];
  const initials: number[] = [];
  for (let at = earlier.position + 1; at <= later.position; at++) {
    const act = path[at]!;
    if (act !== later && act.clock[earlier.actor]! > earlier.position) continue; // it waits for `earlier` itself
    if (between.every((before) => act.clock[before.actor]! <= before.position)) initials.push(act.actor);
    between.push(act);
  }
  const able = initials.filter((actor) => mayAct(earlier, actor));
  if (able.length === 0 || able.some((actor) => earlier.due.has(actor) || earlier.asleep.has(actor))) return;
  earlier.due.add(able.includes(later.actor) ? later.actor : able[0]!);
}

/** An ActNode as JSON can hold it. */
interface Frozen extends Omit<ActNode, 'due' | 'asleep' | 'touched' | 'last' | 'clock'> {
  readonly due: readonly number[];
  readonly asleep: readonly (readonly [actor: number, touched: FrozenFootprint])[];
  readonly touched: FrozenFootprint | null;
  readonly last: FrozenFootprint | null;
  readonly clock: readonly number[];
}

type FrozenFootprint = readonly [reads: readonly number[], writes: readonly number[]];

function frozen(node: ActNode): Frozen {
  return {
    ...node,
    due: [...node.due],
    asleep: Array.from(node.asleep, ([actor, touched]) => [actor, places(touched)] as const),
    touched: node.touched === undefined ? null : places(node.touched),
    last: node.last === undefined ? null : places(node.last),
    clock: [...node.clock],
  };
}

function places({ reads, writes }: Footprint): FrozenFootprint {
  return [[...reads], [...writes]];
}

function thawed(node: Frozen | ChanceNode): Node {
  if (!('actors' in node)) return { ...node };
  const footprint = ([reads, writes]: FrozenFootprint): Footprint => footprintOf(new Set(reads), new Set(writes));
  return {
    ...node,
    due: new Set(node.due),
    asleep: new Map(node.asleep.map(([actor, touched]) => [actor, footprint(touched)])),
    touched: node.touched === null ? undefined : footprint(node.touched),
    last: node.last === null ? undefined : footprint(node.last),
    clock: Int32Array.from(node.clock),
  };
}
