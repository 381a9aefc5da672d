import type { Layout } from '../../hardware/memory/layout.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import type { LockUse } from '../../hardware/observer.ts';
import { LOCK_NAMES } from '../../kernel/locking/lock-class.ts';

/**
 * What the locks of all CPUs have been seen to do, in the machine's buffer, behind the notebook: the locks each CPU holds,
 * and which class was taken under which. This file knows how it is stored; `lock-order.ts` knows what it means.
 */
export interface LockNotes {
  /** Per CPU `HELD_WORDS`: how many it holds, then each as one word, in the order it took them. Its own CPU writes. */
  readonly held: Int32Array;
  /** Per pair of classes, the outer one first, `EDGE_WORDS`. */
  readonly edges: Int32Array;
}

/** A lock that a CPU holds, or waits for. `place`: which of its class, as the low bits of its address. */
export interface HeldLock {
  readonly lockClass: number;
  readonly shared: boolean;
  readonly place: number;
}

/** Where a class was first seen taken under another. */
export interface LockEdge {
  readonly outer: number;
  readonly inner: number;
  readonly cpu: number;
  readonly step: number;
}

/** Linux: MAX_LOCK_DEPTH, which is larger. */
export const MOST_HELD = 7;
const HELD_WORDS = 1 + MOST_HELD;
/** 1 + the CPU, 0 where there is no edge; the step. */
const EDGE_WORDS = 2;
const CLASSES = LOCK_NAMES.length;

const heldWords = ({ cpuCount }: Layout): number => cpuCount * HELD_WORDS;
const EDGES_WORDS = CLASSES * CLASSES * EDGE_WORDS;

/** The end of the checks' region that the notebook has to leave alone. */
export function lockNotesBytes(layout: Layout): number {
  return Math.ceil((heldWords(layout) + EDGES_WORDS) / 16) * 64;
}

export function lockNotesOf({ memory, layout }: { readonly memory: Memory; readonly layout: Layout }): LockNotes {
  let notes = attached.get(memory);
  if (notes === undefined) {
    const first = layout.checks + layout.checksBytes - lockNotesBytes(layout);
    notes = {
      held: new Int32Array(memory.buffer, first, heldWords(layout)),
      edges: new Int32Array(memory.buffer, first + heldWords(layout) * 4, EDGES_WORDS),
    };
    attached.set(memory, notes);
  }
  return notes;
}

const attached = new WeakMap<Memory, LockNotes>();

/** The locks that a CPU holds, the one it took first before the others. */
export function heldBy({ held }: LockNotes, cpu: number): HeldLock[] {
  const at = cpu * HELD_WORDS;
  return Array.from(held.subarray(at + 1, at + 1 + held[at]!), (word) => ({
    lockClass: word & 0xff,
    shared: (word & SHARED) !== 0,
    place: word >>> PLACE_SHIFT,
  }));
}

/** False: the CPU holds as many as can be noted, and this one is not. */
export function noteHeld({ held }: LockNotes, cpu: number, lock: LockUse): boolean {
  const at = cpu * HELD_WORDS;
  const count = held[at]!;
  if (count === MOST_HELD) return false;
  held[at + 1 + count] = wordOf(lock);
  held[at] = count + 1;
  return true;
}

/** False: the CPU does not hold it, not in this way. */
export function noteReleased({ held }: LockNotes, cpu: number, lock: LockUse): boolean {
  const at = cpu * HELD_WORDS;
  const end = at + 1 + held[at]!;
  const found = held.subarray(at + 1, end).lastIndexOf(wordOf(lock));
  if (found < 0) return false;
  held.copyWithin(at + 1 + found, at + 2 + found, end);
  held[at]!--;
  return true;
}

const SHARED = 1 << 8;
const PLACE_SHIFT = 9;

/** Class, way, and the lowest bits of the lock's 64-bit word: two locks of one class are seldom 64 MiB apart. */
function wordOf({ lockClass, va, shared }: LockUse): number {
  return (placeOf(va) << PLACE_SHIFT) | (shared ? SHARED : 0) | lockClass;
}

/** Which of its class the lock at `va` is. */
export function placeOf(va: number): number {
  return Number(BigInt.asUintN(32 - PLACE_SHIFT, BigInt(va / 8)));
}

export function edge({ edges }: LockNotes, outer: number, inner: number): LockEdge | undefined {
  const at = (outer * CLASSES + inner) * EDGE_WORDS;
  const cpu = Atomics.load(edges, at) - 1;
  return cpu < 0 ? undefined : { outer, inner, cpu, step: edges[at + 1]! >>> 0 };
}

export function noteEdge({ edges }: LockNotes, { outer, inner, cpu, step }: LockEdge): void {
  const at = (outer * CLASSES + inner) * EDGE_WORDS;
  edges[at + 1] = step | 0;
  Atomics.store(edges, at, cpu + 1);
}

/** The shortest chain of edges that leads from one class to another; undefined: none does. */
export function chain(notes: LockNotes, from: number, to: number): LockEdge[] | undefined {
  const reached = new Map<number, LockEdge[]>([[from, []]]);
  for (const [at, way] of reached) {
    if (at === to) return way;
    for (let next = 0; next < CLASSES; next++) {
      const step = edge(notes, at, next);
      if (step !== undefined && !reached.has(next)) reached.set(next, [...way, step]);
    }
  }
  return undefined;
}
