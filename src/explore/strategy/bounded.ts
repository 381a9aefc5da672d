import { ACTS, actOf, CUT, cpuOfActor, type Decide, type Ready, STEP } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import type { Bounds } from './exhaustive.ts';
import { type Footprint, trackerOf } from './footprint.ts';
import { historyHash } from './history-hash.ts';
import { type ChanceNode, type Checkpoint, chanceNode, type Exhaustive, tally } from './tree-search.ts';

/** How far a preemption-bounded search goes. */
export interface PreemptionBounds extends Omit<Bounds, 'reduction'> {
  /** Times in one schedule that another CPU takes over from one that could go on, at most. */
  readonly preemptions: number;
}

/** What a schedule has used up of its bounds. */
interface Used {
  readonly preemptions: number;
  readonly hardwareActs: number;
  readonly chances: number;
}

interface ActNode {
  readonly actors: readonly number[];
  readonly used: Used;
  /** The CPU that went last can go on, and leads. */
  readonly leads: boolean;
  /** No CPU can go on: what has been stored leaves, within any bound. */
  readonly forced: boolean;
  at: number;
  /** What the act touched that is being searched; undefined: it has not been done yet. */
  touched: Footprint | undefined;
}

type Node = ActNode | ChanceNode;

const isAct = (node: Node): node is ActNode => 'actors' in node;

/**
 * Every schedule within the bounds, depth first; a beginning that differs from an earlier one only in the order of
 * independent acts, and has used up as much or more of its bounds, is not gone on with. Most bugs need few preemptions.
 */
export function bounded(interleaver: Interleaver, bounds: PreemptionBounds, from?: Checkpoint): Exhaustive {
  const tracker = trackerOf(interleaver);
  const history = historyHash(interleaver.lanes.length * ACTS);
  const visited = interleaver.lanes.map((_, id) => known(from?.visited?.[id] ?? []));
  const stack: Node[] = (from?.stack ?? []).map((node) => ({ ...(node as Node) }));
  let depth = 0;
  let used: { -readonly [K in keyof Used]: Used[K] } = { preemptions: 0, hardwareActs: 0, chances: 0 };
  let last = 0;
  let current: ActNode | undefined;
  let fresh = 0;
  const { finish, soFar, ...counts } = tally(from);

  const decide: Decide = {
    always: true,
    next(ready) {
      if (depth === fresh) tracker.begin();
      const known = stack[depth] as ActNode | undefined;
      const node = known ?? grow(ready);
      if (node === undefined) return CUT;
      depth++;
      current = node;
      const actor = node.actors[node.at]!;
      used = after(node, actor);
      if (actOf(actor) === STEP) last = cpuOfActor(actor);
      return ready.actors.indexOf(actor);
    },
    chance(bound, kind) {
      let node = stack[depth++] as ChanceNode | undefined;
      if (node === undefined) {
        node = chanceNode(bound, kind, used.chances < bounds.chances);
        stack.push(node);
      }
      if (node.answer > 0) used.chances++;
      history.chance(node.answer);
      return node.answer;
    },
  };

  return {
    name: 'bounded',
    ...counts,
    decide() {
      if (counts.finished() || (stack.length > 0 && !turn())) {
        finish();
        tracker.end();
        return undefined;
      }
      depth = 0;
      used = { preemptions: 0, hardwareActs: 0, chances: 0 };
      last = 0;
      current = undefined;
      fresh = Math.max(
        0,
        stack.findIndex((node) => isAct(node) && node.touched === undefined),
      );
      history.begin();
      tracker.end();
      return decide;
    },
    acted(actor) {
      const node = current!;
      if (node.touched === undefined) node.touched = tracker.acted(actor);
      history.act(actor, node.touched);
    },
    checkpoint: () => ({
      strategy: 'bounded',
      ...soFar(),
      // What acts have touched is seen again when they are run again.
      stack: stack.map((node) => (isAct(node) ? { ...node, touched: undefined } : { ...node })),
      visited: visited.map(listed),
    }),
  };

  function grow({ actors, cpus, count }: Ready): ActNode | undefined {
    if (wasHere()) return undefined;
    const node: ActNode = {
      actors: [...actors.subarray(0, count)],
      used: { ...used },
      leads: cpus > 0 && cpuOfActor(actors[0]!) === last,
      forced: cpus === 0,
      at: -1,
      touched: undefined,
    };
    stack.push(node);
    if (next(node)) return node;
    stack.pop();
    return undefined;
  }

  /** The same has happened before, with as much left to try; if not, it is noted. */
  function wasHere(): boolean {
    const key = history.value();
    const before = visited[last]!.get(key) ?? [];
    if (before.some((then) => covers(then, used))) return true;
    visited[last]!.set(key, [...before.filter((then) => !covers(used, then)), { ...used }]);
    return false;
  }

  function next(node: ActNode): boolean {
    while (++node.at < node.actors.length) {
      const { preemptions, hardwareActs } = after(node, node.actors[node.at]!);
      if (preemptions <= bounds.preemptions && hardwareActs <= bounds.hardwareActs) return true;
    }
    return false;
  }

  /** The deepest place that has another branch. */
  function turn(): boolean {
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (!isAct(node)) {
        if (++node.answer < node.limit) {
          stack.findLast(isAct)!.touched = undefined;
          return true;
        }
      } else {
        node.touched = undefined;
        if (next(node)) return true;
      }
      stack.pop();
    }
    return false;
  }
}

/** What has been used up once `actor` acts there. */
function after({ used, actors, leads, forced }: ActNode, actor: number): { -readonly [K in keyof Used]: Used[K] } {
  const { preemptions, hardwareActs, chances } = used;
  if (actOf(actor) !== STEP) return { preemptions, hardwareActs: hardwareActs + (forced ? 0 : 1), chances };
  return { preemptions: preemptions + (leads && actor !== actors[0] ? 1 : 0), hardwareActs, chances };
}

/** Whoever had used `one` could do all that whoever has used `other` can. */
function covers(one: Used, other: Used): boolean {
  return one.preemptions <= other.preemptions && one.hardwareActs <= other.hardwareActs && one.chances <= other.chances;
}

/** A key, the preemptions, acts and chances used up, and so on. */
function listed(visited: ReadonlyMap<number, readonly Used[]>): number[] {
  return Array.from(visited, ([key, all]) =>
    all.flatMap(({ preemptions, hardwareActs, chances }) => [key, preemptions, hardwareActs, chances]),
  ).flat();
}

function known(list: readonly number[]): Map<number, Used[]> {
  const visited = new Map<number, Used[]>();
  for (let at = 0; at < list.length; at += 4) {
    const [key, preemptions, hardwareActs, chances] = list.slice(at, at + 4) as [number, number, number, number];
    visited.set(key, [...(visited.get(key) ?? []), { preemptions, hardwareActs, chances }]);
  }
  return visited;
}
