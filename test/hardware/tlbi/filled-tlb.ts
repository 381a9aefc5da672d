import { GRANULE_4K, type Level } from '../../../src/arch/granule.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import type { TlbEntryScope } from '../../../src/arch/tlbi-scope.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { freeWay, putEntry, type Tlb } from '../../../src/hardware/translation/tlb.ts';
import {
  asidOf,
  type Found,
  GLOBAL,
  levelOf,
  occupied,
  shiftOf,
  tagOf,
} from '../../../src/hardware/translation/tlb-entry.ts';
import {
  cachedAsid,
  cachedBytes,
  cachedLevel,
  holdsTable,
  type WalkCache,
} from '../../../src/hardware/translation/walk-cache.ts';
import { run } from '../small-machine.ts';

/** Sizes of leaves with the 4K granule, by log2: pages and blocks, alone and in contiguous runs. */
export const LEVELS: Readonly<Record<number, Level>> = { 12: 3, 16: 3, 21: 2, 25: 2, 30: 1, 34: 1 };
export const SHIFTS = Object.keys(LEVELS).map(Number);

/** Room for everything a test puts in: nothing is ever evicted. */
export const ROOMY = { model: { tlb: { entries: 256, ways: 64 } } };

export function put(tlb: Tlb, va: number, shift: number, asid = GLOBAL): void {
  const found: Found = {
    pa: 0,
    rights: 3,
    attrIndx: 0,
    sh: 3,
    level: LEVELS[shift]!,
    descriptorPa: 0,
    low: 0,
    high: 0,
  };
  putEntry(tlb, freeWay(tlb, va, shift, asid), va, shift, asid, found, 0, 0);
}

export function invalidate(cpu: Cpu, name: TlbiName, operand = 0n): void {
  run(tlbi(cpu, name, operand));
  run(dsb(cpu, 'ish'));
}

/** Everything cached, as TLBI scopes see it. */
export function leavesOf(tlb: Tlb): TlbEntryScope[] {
  return Array.from({ length: tlb.entries }, (_, way) => way)
    .filter((way) => occupied(tlb, way))
    .map((way) => ({
      va: tagOf(tlb, way),
      sizeShift: shiftOf(tlb, way),
      level: levelOf(tlb, way),
      leaf: true,
      granule: GRANULE_4K,
      global: asidOf(tlb, way) === GLOBAL,
      asid: asidOf(tlb, way),
    }));
}

export function tablesOf(cache: WalkCache): TlbEntryScope[] {
  return Array.from({ length: cache.entries }, (_, at) => at)
    .filter((at) => holdsTable(cache, at))
    .map((at) => ({
      va: cache.tag[at]!,
      sizeShift: Math.log2(cachedBytes(cache, at)),
      level: cachedLevel(cache, at) - 1,
      leaf: false,
      granule: GRANULE_4K,
      global: false,
      asid: cachedAsid(cache, at),
    }));
}
