import type { Cpu } from '../cpu.ts';

/** Words of a CPU's `doubles`: table words made valid, from one physical address up to another; and whether TLBIs await an event. */
const EARLY_START = 6;
const EARLY_END = 7;
const TLBI_UNSYNCHRONISED = 8;
/** 1: a DSB NSH has made buffered stores visible to this CPU's walker, and perhaps to no other. */
export const SEEN_BY_OWN_WALKER = 9;
/**
 * 1 from power-on until this CPU's TLB has been invalidated as a whole: a reset need not do that. The TLB of this model is empty
 * all the same; who relies on it is found out when translation is turned on. DDI 0487, D8.17 "TLB behavior at reset".
 */
export const TLB_AS_AT_RESET = 10;
/**
 * The root that TTBR1 held before, while the walk cache may have tables of it; -1: none. A walk cache knows addresses and ASIDs, not roots:
 * until this CPU's TLB has been invalidated as a whole it may go on from there, whatever TTBR1 holds. DDI 0487, D8.17.
 */
export const ROOT1_CACHED = 11;
/** Position of the TLBI log that had completed then: what comes before it does not count. */
export const ROOT1_CACHED_SINCE = 12;
/** In place of a root: of more than one. */
export const SEVERAL_ROOTS = Number.POSITIVE_INFINITY;

/**
 * What a CPU may still do as it would have done before its last context synchronisation event (ISB, exception entry and
 * return). It may translate an address long before the instruction that uses it, but not before that event: so a DSB
 * alone does not make sure that it finds an entry which it has just made valid (DDI 0487, D8.2 and D8.17; FEAT_ETS2, which
 * no CPU here is taken to have, would), nor that it does without one that its own TLBI has removed. Of other CPUs' entries it
 * learns through memory, and of other CPUs' TLBIs their DSB sees to it.
 *
 * Remembered are neighbouring words of a table: those made valid last. Others have been forgiven.
 */
export function madeValid({ doubles }: Pick<Cpu, 'doubles'>, pa: number): void {
  if (pa === doubles[EARLY_END]) doubles[EARLY_END] = pa + 8;
  else if (pa === doubles[EARLY_START]! - 8) doubles[EARLY_START] = pa;
  else {
    doubles[EARLY_START] = pa;
    doubles[EARLY_END] = pa + 8;
  }
}

/** The entry at `pa` may not have been valid yet when this CPU translated what it is about to access. */
export function mayHaveBeenMissed({ doubles }: Pick<Cpu, 'doubles'>, pa: number): boolean {
  return pa < doubles[EARLY_END]! && pa >= doubles[EARLY_START]!;
}

/** A DSB has completed TLBIs of this CPU's own: others are done with what they remove, this one only after the next event. */
export function completedOwn({ doubles }: Pick<Cpu, 'doubles'>): void {
  doubles[TLBI_UNSYNCHRONISED] = 1;
}

/** TLBIs of this CPU's own have completed, and it has not synchronised its context since. */
export function awaitsSynchronisation({ doubles }: Pick<Cpu, 'doubles'>): boolean {
  return doubles[TLBI_UNSYNCHRONISED] === 1;
}

/** The event: whatever was fetched or translated before is discarded. */
export function forgetEarly({ doubles }: Pick<Cpu, 'doubles'>): void {
  doubles[EARLY_START] = 0;
  doubles[EARLY_END] = 0;
  doubles[TLBI_UNSYNCHRONISED] = 0;
}
