import * as power from '../../arch/power.ts';
import { type Layout, WALK_CACHE_ENTRY_BYTES } from '../memory/layout.ts';

// Bound again because the compiler folds a module's own constants, and loads imported ones.
const { INVERSE, POWER } = power;

/**
 * One CPU's walk cache: table descriptors it has seen, direct-mapped. An entry says where the table of a given level
 * that translates a region lies, and which hierarchical attributes have gathered on the way.
 */
export interface WalkCache {
  readonly entries: number;
  /** Start of the region the cached table translates; NaN when empty. */
  readonly tag: Float64Array;
  readonly tablePa: Float64Array;
  /** ASID in bits 31:16, then the gathered attributes, log2 of the region's bytes, and the table's level. */
  readonly kind: Int32Array;
  /** Bit L is 1 where a table of level L may be cached. */
  levels: number;
}

const LEVEL_BITS = 2;
const SHIFT_BITS = 6;
const LIMITS_SHIFT = LEVEL_BITS + SHIFT_BITS;
const ASID_SHIFT = 16;
/** What a lookup compares: all but the gathered attributes. */
const IDENTITY = (-1 << ASID_SHIFT) | ((1 << LIMITS_SHIFT) - 1);

export function attachWalkCache(
  buffer: SharedArrayBuffer,
  layout: Layout,
  cpu: number,
  geometry: { entries: number },
): WalkCache {
  const { entries } = geometry;
  const base = layout.walkCache[cpu]!;
  if (WALK_CACHE_ENTRY_BYTES < 8 + 8 + 4) throw new Error('walk cache columns do not fit their region');
  const cache: WalkCache = {
    entries,
    tag: new Float64Array(buffer, base, entries),
    tablePa: new Float64Array(buffer, base + entries * 8, entries),
    kind: new Int32Array(buffer, base + entries * 16, entries),
    levels: 0,
  };
  recountTables(cache);
  return cache;
}

/** Rebuilds what the owner keeps beside the columns; needed after the columns were copied in. */
export function recountTables(cache: WalkCache): void {
  cache.levels = 0;
  for (let at = 0; at < cache.entries; at++) if (holdsTable(cache, at)) cache.levels |= 1 << cachedLevel(cache, at);
}

/** Empties the walk cache of a CPU that has just been powered on. */
export function resetWalkCache(cache: WalkCache): void {
  cache.tag.fill(Number.NaN);
  cache.levels = 0;
}

export function holdsTable(cache: WalkCache, at: number): boolean {
  return !Number.isNaN(cache.tag[at]!);
}

/** The level the cached table serves: its descriptor is of the level above. */
export function cachedLevel(cache: WalkCache, at: number): number {
  return cache.kind[at]! & ((1 << LEVEL_BITS) - 1);
}

/** Hierarchical attributes gathered above the cached table, as the walker counts them. */
export function cachedLimits(cache: WalkCache, at: number): number {
  return (cache.kind[at]! >> LIMITS_SHIFT) & 0b1111;
}

export function cachedAsid(cache: WalkCache, at: number): number {
  return cache.kind[at]! >>> ASID_SHIFT;
}

/** Bytes of virtual addresses that the cached table translates. */
export function cachedBytes(cache: WalkCache, at: number): number {
  return POWER[(cache.kind[at]! >> LEVEL_BITS) & ((1 << SHIFT_BITS) - 1)]!;
}

/** Index of the cached table of `level` whose region of `2 ** regionShift` bytes holds `va`, or -1. */
export function lookupTable(cache: WalkCache, va: number, level: number, regionShift: number, asid: number): number {
  const region = Math.floor(va * INVERSE[regionShift]!);
  const at = slot(cache, region, level);
  const same = ((cache.kind[at]! ^ identity(level, regionShift, asid)) & IDENTITY) === 0;
  return same && cache.tag[at] === region * POWER[regionShift]! ? at : -1;
}

/** Caches the table at `tablePa`, which translates the `2 ** regionShift` bytes around `va`. `limits`: gathered above it. */
export function putTable(
  cache: WalkCache,
  va: number,
  level: number,
  regionShift: number,
  asid: number,
  tablePa: number,
  limits: number,
): void {
  const region = Math.floor(va * INVERSE[regionShift]!);
  const at = slot(cache, region, level);
  cache.tag[at] = region * POWER[regionShift]!;
  cache.tablePa[at] = tablePa;
  cache.kind[at] = identity(level, regionShift, asid) | (limits << LIMITS_SHIFT);
  cache.levels |= 1 << level;
}

export function dropTable(cache: WalkCache, at: number): void {
  cache.tag[at] = Number.NaN;
}

export function dropAllTables(cache: WalkCache): void {
  if (cache.levels === 0) return;
  cache.tag.fill(Number.NaN);
  cache.levels = 0;
}

function identity(level: number, regionShift: number, asid: number): number {
  return (asid << ASID_SHIFT) | (regionShift << LEVEL_BITS) | level;
}

function slot(cache: WalkCache, region: number, level: number): number {
  const hash = Math.imul(region | 0, 0x9e3779b1) ^ Math.imul(level, 0x2545f491);
  return ((hash >>> 16) * cache.entries) >>> 16;
}
