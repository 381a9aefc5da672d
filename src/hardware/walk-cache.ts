import { INVERSE, POWER } from '../arch/power.ts';
import { type Layout, WALK_CACHE_ENTRY_BYTES } from './layout.ts';

/**
 * One CPU's walk cache: table descriptors it has seen, direct-mapped. An entry says where the table of a given level
 * that translates a region lies, and which hierarchical attributes have gathered on the way.
 */
export interface WalkCache {
  readonly entries: number;
  /** Start of the region the cached table translates; NaN when empty. */
  readonly tag: Float64Array;
  readonly tablePa: Float64Array;
  readonly asid: Int32Array;
  /** Gathered hierarchical attributes, as the walker counts them. */
  readonly tableBits: Int32Array;
  readonly level: Uint8Array;
}

export function attachWalkCache(
  buffer: SharedArrayBuffer,
  layout: Layout,
  cpu: number,
  geometry: { entries: number },
): WalkCache {
  const { entries } = geometry;
  const base = layout.walkCache[cpu]!;
  if (WALK_CACHE_ENTRY_BYTES < 8 + 8 + 4 + 4 + 1) throw new Error('walk cache columns do not fit their region');
  return {
    entries,
    tag: new Float64Array(buffer, base, entries),
    tablePa: new Float64Array(buffer, base + entries * 8, entries),
    asid: new Int32Array(buffer, base + entries * 16, entries),
    tableBits: new Int32Array(buffer, base + entries * 20, entries),
    level: new Uint8Array(buffer, base + entries * 24, entries),
  };
}

export function resetWalkCache(cache: WalkCache): void {
  cache.tag.fill(Number.NaN);
}

/** Index of the cached table of `level` whose region of `2 ** regionShift` bytes holds `va`, or -1. */
export function lookupTable(cache: WalkCache, va: number, level: number, regionShift: number, asid: number): number {
  const region = Math.floor(va * INVERSE[regionShift]!);
  const at = slot(cache, region, level);
  const hit = cache.tag[at] === region * POWER[regionShift]! && cache.level[at] === level && cache.asid[at] === asid;
  return hit ? at : -1;
}

export function putTable(
  cache: WalkCache,
  va: number,
  level: number,
  regionShift: number,
  asid: number,
  tablePa: number,
  tableBits: number,
): void {
  const region = Math.floor(va * INVERSE[regionShift]!);
  const at = slot(cache, region, level);
  cache.tag[at] = region * POWER[regionShift]!;
  cache.tablePa[at] = tablePa;
  cache.asid[at] = asid;
  cache.tableBits[at] = tableBits;
  cache.level[at] = level;
}

export function dropTable(cache: WalkCache, at: number): void {
  cache.tag[at] = Number.NaN;
}

export function dropAllTables(cache: WalkCache): void {
  cache.tag.fill(Number.NaN);
}

function slot(cache: WalkCache, region: number, level: number): number {
  return ((Math.imul(region | 0, 0x9e3779b1) ^ (level * 0x2545f491)) & 0x7fffffff) % cache.entries;
}
