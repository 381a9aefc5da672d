import { COUNTER_SLOTS, type Layout } from './memory/layout.ts';

/** What a CPU counts, each a 64-bit float written by its owner alone and read by anybody. */
export const COUNTERS = [
  'accesses',
  'hits',
  'misses',
  'walks',
  'walkCacheHits',
  'speculativeWalks',
  'fills',
  'evictions',
  'tlbis',
  'tlbisApplied',
  'dsbs',
  'isbs',
  'tableStores',
  'drains',
  'redone',
  'faults',
  'bothSizesCached',
  'conflictsAvoided',
  'conflictAborts',
  'amalgamations',
  'staleUses',
  'ipis',
  'leavesChecked',
  'points',
] as const;

export type Counter = (typeof COUNTERS)[number];
export type Counts = Record<Counter, number>;

const SLOT = Object.fromEntries(COUNTERS.map((name, index) => [name, index])) as Record<Counter, number>;
export const ACCESSES = SLOT.accesses;
export const HITS = SLOT.hits;
export const MISSES = SLOT.misses;
export const WALKS = SLOT.walks;
export const WALK_CACHE_HITS = SLOT.walkCacheHits;
export const SPECULATIVE_WALKS = SLOT.speculativeWalks;
export const FILLS = SLOT.fills;
export const EVICTIONS = SLOT.evictions;
export const TLBIS = SLOT.tlbis;
export const TLBIS_APPLIED = SLOT.tlbisApplied;
export const DSBS = SLOT.dsbs;
export const ISBS = SLOT.isbs;
export const TABLE_STORES = SLOT.tableStores;
export const DRAINS = SLOT.drains;
export const REDONE = SLOT.redone;
export const FAULTS = SLOT.faults;
export const BOTH_SIZES_CACHED = SLOT.bothSizesCached;
export const CONFLICTS_AVOIDED = SLOT.conflictsAvoided;
export const CONFLICT_ABORTS = SLOT.conflictAborts;
export const AMALGAMATIONS = SLOT.amalgamations;
export const STALE_USES = SLOT.staleUses;
export const IPIS = SLOT.ipis;
export const LEAVES_CHECKED = SLOT.leavesChecked;
export const POINTS = SLOT.points;

export function attachCounters(buffer: SharedArrayBuffer, layout: Layout, cpu: number): Float64Array {
  return new Float64Array(buffer, layout.counters + cpu * COUNTER_SLOTS * 8, COUNTER_SLOTS);
}

/** The counters of all given CPUs, added up. */
export function totals(columns: readonly Float64Array[]): Counts {
  const sum = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counts;
  for (const column of columns) for (const name of COUNTERS) sum[name] += column[SLOT[name]]!;
  return sum;
}
