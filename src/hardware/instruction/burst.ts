import { RIGHT_EL1_READ } from '../../arch/permission.ts';
import { ACCESSES, HITS, MISSES, REDONE } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { refill, translateOnce } from '../translation/access.ts';
import { lookup, MISS } from '../translation/tlb.ts';
import { FLAG_WITHDRAWN, flagsOf, paOf, rightsAt, tagOf } from '../translation/tlb-entry.ts';

/**
 * Long runs of reads on threads, as plain loops: the TLBI log is compared before and after each group instead of each
 * access, and a group that a completion overtook is done again as a whole.
 */
const GROUP = 64;

/** As an answer of `lookup`: do not decide here. */
const UNUSUAL = -4;

/** What a burst met: nothing unexpected, or the first address that did not translate as promised. */
export interface BurstResult {
  /** Accesses done before the stop, or all. */
  done: number;
  /** Physical address found there, the negated fault code, or 0 where nothing was wrong. */
  pa: number;
  ok: boolean;
}

/**
 * Reads one word of each of `count` pages from `va` on; page i must translate to `pa + i * pageBytes`.
 * `right`: the right each access needs.
 */
export function readPages(cpu: Cpu, va: number, pa: number, count: number, right: number): BurstResult {
  const result: BurstResult = { done: count, pa: 0, ok: true };
  for (let first = 0; first < count; first += GROUP) {
    for (;;) {
      catchUp(cpu);
      readGroup(cpu, va, pa, first, Math.min(first + GROUP, count), right, result);
      if (!overtaken(cpu)) break;
      cpu.counts[REDONE]!++;
      result.ok = true;
    }
    if (!result.ok) return result;
  }
  result.done = count;
  result.pa = 0;
  return result;
}

/** Pages `first` up to `last`; where one translates otherwise than promised, `result` says which and how. */
function readGroup(
  cpu: Cpu,
  va: number,
  pa: number,
  first: number,
  last: number,
  right: number,
  result: BurstResult,
): void {
  const { tlb } = cpu;
  const step = cpu.memory.pageBytes;
  const regime = va < 0 ? cpu.regime1 : cpu.regime0;
  const plain = cpu.mmuOn && regime !== undefined;
  const asid = regime?.asid ?? 0;
  let accesses = 0;
  let misses = 0;
  for (let i = first; i < last; i++) {
    const address = va + i * step;
    let way = plain ? lookup(tlb, address, asid) : UNUSUAL;
    let missed = 0;
    if (way === MISS) {
      missed = 1;
      way = refill(cpu, regime!, address);
    }
    let found: number;
    // Plain hits and misses are decided here; whatever is unusual (several entries, flags, faults) goes the whole way.
    if (way >= 0 && flagsOf(tlb, way) < FLAG_WITHDRAWN && (rightsAt(tlb, way) & right) !== 0) {
      accesses++;
      misses += missed;
      found = paOf(tlb, way) + (address - tagOf(tlb, way));
    } else found = translateOnce(cpu, address, right);
    if (found === pa + i * step) continue;
    result.ok = false;
    result.done = i;
    result.pa = found;
    break;
  }
  cpu.counts[ACCESSES]! += accesses;
  cpu.counts[HITS]! += accesses - misses;
  cpu.counts[MISSES]! += misses;
  cpu.lastVa = va + first * step;
}

/**
 * `count` reads of random pages among `pages` (a power of two) from `va` on. Returns a sum over the physical addresses,
 * so that the work cannot be optimised away. `seed`: any non-zero 32-bit number.
 */
export function readRandomPages(cpu: Cpu, va: number, pages: number, count: number, seed: number): number {
  return readRandom(cpu, va, pages, cpu.memory.pageBytes, count, seed);
}

/**
 * `count` reads, each of the first page of a random one among `tables` (a power of two) neighbouring last-level tables
 * from `va` on. These pages share one set of the TLB: with many more tables than the walk cache has entries, nearly
 * every read misses, walks all levels and refills.
 */
export function readMissing(cpu: Cpu, va: number, tables: number, count: number, seed: number): number {
  const { pageBytes } = cpu.memory;
  return readRandom(cpu, va, tables, (pageBytes * pageBytes) / 8, count, seed);
}

function readRandom(cpu: Cpu, va: number, places: number, stride: number, count: number, seed: number): number {
  const { tlb } = cpu;
  const regime = va < 0 ? cpu.regime1 : cpu.regime0;
  if (!cpu.mmuOn || regime === undefined) throw new Error('random reads need translation to be on');
  const { asid } = regime;
  let next = seed | 0;
  let sum = 0;
  for (let done = 0; done < count; ) {
    const group = Math.min(GROUP, count - done);
    catchUp(cpu);
    let state = next;
    let groupSum = 0;
    let hits = 0;
    let misses = 0;
    for (let i = 0; i < group; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const address = va + ((state >>> 0) & (places - 1)) * stride;
      let way = lookup(tlb, address, asid);
      if (way >= 0) hits++;
      else if (way === MISS) {
        misses++;
        way = refill(cpu, regime, address);
      }
      if (way >= 0) groupSum += paOf(tlb, way) + (address - tagOf(tlb, way));
      else groupSum += readUnusual(cpu, address);
    }
    cpu.counts[ACCESSES]! += hits + misses;
    cpu.counts[HITS]! += hits;
    cpu.counts[MISSES]! += misses;
    if (overtaken(cpu)) {
      cpu.counts[REDONE]!++;
      continue;
    }
    next = state;
    sum += groupSum;
    done += group;
  }
  return sum;
}

/** Several entries match, or the walk faulted. */
function readUnusual(cpu: Cpu, va: number): number {
  const pa = translateOnce(cpu, va, RIGHT_EL1_READ);
  if (pa < 0) throw new Error(`fault ${-pa} at ${va}`);
  return pa;
}
