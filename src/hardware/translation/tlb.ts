import * as power from '../../arch/power.ts';
import type { Layout } from '../memory/layout.ts';
import {
  asidOf,
  attachEntries,
  clearEntries,
  clearEntry,
  type Found,
  GLOBAL,
  occupied,
  shiftOf,
  type TlbEntries,
  tagOf,
  writeEntry,
} from './tlb-entry.ts';

// Bound again because the compiler folds a module's own constants, and loads imported ones.
const { INVERSE, POWER } = power;

/**
 * One CPU's TLB: set-associative, each entry with a size of its own (page, block or contiguous run), so that several
 * entries may match one address at the same time. The entries lie in the shared buffer, where anybody may look; only the
 * owner writes them. Tags are page-start virtual addresses; an empty way holds NaN, which matches nothing.
 */
export interface Tlb extends TlbEntries {
  readonly entries: number;
  readonly ways: number;
  readonly setMask: number;
  /** Sizes (log2 bytes) of which at least one entry exists, and how many of each. */
  readonly sizes: Uint8Array;
  sizeCount: number;
  readonly population: Int32Array;
  /** Entries of some ASID: while there are none, one set holds at most one match of each size. */
  nonGlobal: number;
  /** Ways in use, by set. */
  readonly taken: Int32Array;
  /** Page number and size of each entry, mixed into 32 bits: what is compared first. Free ways keep what they had. */
  readonly key: Int32Array;
  /** Indices of the entries that the last lookup to answer `SEVERAL` matched. */
  readonly matched: Int32Array;
  matchCount: number;
  /**
   * Where a page's only match was found, for the next time: way and `epoch` in turn, direct-mapped by page. A guess
   * holds if the way still translates the address, for `guessAsid`, and no fill since can have added a second match.
   */
  readonly guesses: Int32Array;
  readonly guessMask: number;
  readonly pageInverse: number;
  guessAsid: number;
  /** Moves with every fill that may overlap another entry: one of several sizes, or with some ASID about. */
  epoch: number;
}

export const MISS = -1;
export const SEVERAL = -2;
export function attachTlb(
  buffer: SharedArrayBuffer,
  layout: Layout,
  cpu: number,
  geometry: { entries: number; ways: number },
): Tlb {
  const { entries, ways } = geometry;
  const sets = entries / ways;
  const guessSlots = 1 << Math.ceil(Math.log2(entries));
  const tlb: Tlb = {
    entries,
    ways,
    setMask: sets - 1,
    ...attachEntries(buffer, layout.tlb[cpu]!, entries),
    sizes: new Uint8Array(16),
    sizeCount: 0,
    population: new Int32Array(64),
    nonGlobal: 0,
    taken: new Int32Array(sets),
    key: new Int32Array(entries),
    matched: new Int32Array(64),
    matchCount: 0,
    guesses: new Int32Array(2 * guessSlots),
    guessMask: guessSlots - 1,
    pageInverse: INVERSE[layout.pageShift]!,
    guessAsid: GLOBAL,
    epoch: 0,
  };
  recount(tlb);
  return tlb;
}

/** Empties the TLB of a CPU that has just been powered on. */
export function resetTlb(tlb: Tlb): void {
  clearEntries(tlb);
  recount(tlb);
}

/** Rebuilds what the owner keeps beside the columns; needed after the columns were copied in. */
export function recount(tlb: Tlb): void {
  tlb.population.fill(0);
  tlb.taken.fill(0);
  tlb.sizeCount = 0;
  tlb.nonGlobal = 0;
  tlb.epoch = (tlb.epoch + 1) | 0;
  for (let way = 0; way < tlb.entries; way++) {
    if (!occupied(tlb, way)) continue;
    tlb.taken[Math.floor(way / tlb.ways)]!++;
    const shift = shiftOf(tlb, way);
    tlb.key[way] = keyOf(tagOf(tlb, way) * INVERSE[shift]!, shift);
    countIn(tlb, shift, asidOf(tlb, way));
  }
}

/**
 * The entry that translates `va`: its index, `MISS`, or `SEVERAL` (then `matched[0 .. matchCount)` names them all). All
 * sizes are compared, as the parallel comparators of a real TLB do.
 */
export function lookup(tlb: Tlb, va: number, asid: number): number {
  const guess = guessOf(tlb, va);
  const way = tlb.guesses[guess]!;
  if (tlb.guesses[guess + 1] === tlb.epoch && tlb.guessAsid === asid) {
    // One comparison: where the guess is wrong, the sign of the distance would be anybody's. And one of doubles, which the
    // halves are for: to make the distance an integer first takes a tenth of a hit.
    if (Math.floor((va - tagOf(tlb, way)) * INVERSE[shiftOf(tlb, way)]!) + 0.5 === 0.5) return way;
  }
  return search(tlb, va, asid, guess);
}

function keyOf(page: number, shift: number): number {
  return (page | 0) ^ (shift << 26);
}

function guessOf(tlb: Tlb, va: number): number {
  return ((Math.floor(va * tlb.pageInverse) | 0) & tlb.guessMask) * 2;
}

function search(tlb: Tlb, va: number, asid: number, guess: number): number {
  const { key, ways, setMask, sizes, sizeCount } = tlb;
  let count = 0;
  let found = MISS;
  for (let k = 0; k < sizeCount; k++) {
    const shift = sizes[k]!;
    const page = Math.floor(va * INVERSE[shift]!);
    const start = page * POWER[shift]!;
    const first = ((page | 0) & setMask) * ways;
    const wanted = keyOf(page, shift);
    for (let way = first; way < first + ways; way++) {
      if (key[way] !== wanted) continue;
      if (tagOf(tlb, way) === start && shiftOf(tlb, way) === shift) {
        const owner = asidOf(tlb, way);
        if (owner === GLOBAL || owner === asid) {
          tlb.matched[count++] = way;
          found = way;
          if (tlb.nonGlobal === 0) break;
        }
      }
    }
  }
  if (count === 0) return MISS;
  if (count > 1) {
    tlb.matchCount = count;
    return SEVERAL;
  }
  if (tlb.guessAsid !== asid) {
    tlb.guessAsid = asid;
    tlb.epoch = (tlb.epoch + 1) | 0;
  }
  tlb.guesses[guess] = found;
  tlb.guesses[guess + 1] = tlb.epoch;
  return found;
}

/** Index of the first way of the set that holds entries of size `2 ** shift` for `va`. */
export function setOf(tlb: Tlb, va: number, shift: number): number {
  return ((Math.floor(va * INVERSE[shift]!) | 0) & tlb.setMask) * tlb.ways;
}

/** The way an entry of this tag must replace (same address, size and ASID), else a free way, else -1. */
export function freeWay(tlb: Tlb, va: number, shift: number, asid: number): number {
  const start = Math.floor(va * INVERSE[shift]!) * POWER[shift]!;
  const first = setOf(tlb, va, shift);
  let free = -1;
  for (let way = first; way < first + tlb.ways; way++) {
    if (!occupied(tlb, way)) {
      if (free < 0) free = way;
    } else if (tagOf(tlb, way) === start && shiftOf(tlb, way) === shift && asidOf(tlb, way) === asid) return way;
  }
  return free;
}

/** A free way of the set that holds entries of size `2 ** shift` for `va`, else -1. */
export function vacantWay(tlb: Tlb, va: number, shift: number): number {
  const set = (Math.floor(va * INVERSE[shift]!) | 0) & tlb.setMask;
  if (tlb.taken[set]! === tlb.ways) return -1;
  let way = set * tlb.ways;
  while (occupied(tlb, way)) way++;
  return way;
}

/** Writes one entry into `way`, dropping what was there. `va` and `found.pa` may lie anywhere inside the entry. */
export function putEntry(
  tlb: Tlb,
  way: number,
  va: number,
  shift: number,
  asid: number,
  found: Found,
  flags: number,
  step: number,
): void {
  const size = POWER[shift]!;
  const inverse = INVERSE[shift]!;
  const page = Math.floor(va * inverse);
  if (!occupied(tlb, way)) {
    tlb.taken[(page | 0) & tlb.setMask]!++;
    countIn(tlb, shift, asid);
  } else if (shiftOf(tlb, way) !== shift || asidOf(tlb, way) !== asid) {
    countOut(tlb, shiftOf(tlb, way), asidOf(tlb, way));
    countIn(tlb, shift, asid);
  }
  tlb.key[way] = keyOf(page, shift);
  writeEntry(tlb, way, page * size, Math.floor(found.pa * inverse) * size, shift, asid, found, flags, step);
  if (tlb.sizeCount > 1 || tlb.nonGlobal > 0) tlb.epoch = (tlb.epoch + 1) | 0;
}

export function dropEntry(tlb: Tlb, way: number): void {
  if (!occupied(tlb, way)) return;
  countOut(tlb, shiftOf(tlb, way), asidOf(tlb, way));
  tlb.taken[Math.floor(way / tlb.ways)]!--;
  clearEntry(tlb, way);
}

export function dropAll(tlb: Tlb): void {
  if (tlb.sizeCount === 0) return;
  clearEntries(tlb);
  tlb.population.fill(0);
  tlb.taken.fill(0);
  tlb.sizeCount = 0;
  tlb.nonGlobal = 0;
}

function countIn(tlb: Tlb, shift: number, asid: number): void {
  if (asid !== GLOBAL) tlb.nonGlobal++;
  const before = tlb.population[shift]!;
  tlb.population[shift] = before + 1;
  if (before === 0) tlb.sizes[tlb.sizeCount++] = shift;
}

function countOut(tlb: Tlb, shift: number, asid: number): void {
  if (asid !== GLOBAL) tlb.nonGlobal--;
  const left = tlb.population[shift]! - 1;
  tlb.population[shift] = left;
  if (left > 0) return;
  const at = tlb.sizes.indexOf(shift);
  tlb.sizes[at] = tlb.sizes[--tlb.sizeCount]!;
}
