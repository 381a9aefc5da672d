import { translateOnce, walkAndFill } from './access.ts';
import { ACCESSES, HITS, MISSES, REDONE } from './counters.ts';
import type { Cpu } from './cpu.ts';
import { catchUp, overtaken } from './maintenance.ts';
import { lookup, MISS } from './tlb.ts';

/**
 * Long runs of reads on threads, as plain loops: the TLBI log is compared before and after each group instead of each
 * access, and a group that a completion overtook is done again as a whole.
 */
const GROUP = 64;

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
  const step = cpu.memory.pageBytes;
  for (let first = 0; first < count; first += GROUP) {
    const last = Math.min(first + GROUP, count);
    for (;;) {
      catchUp(cpu);
      const stop = readGroup(cpu, va, pa, first, last, step, right);
      if (overtaken(cpu)) {
        cpu.counts[REDONE]!++;
        continue;
      }
      if (stop >= 0) return { done: stop, pa: translateOnce(cpu, va + stop * step, right), ok: false };
      break;
    }
  }
  return { done: count, pa: 0, ok: true };
}

/** Index of the first page that translates otherwise than promised, or -1. */
function readGroup(
  cpu: Cpu,
  va: number,
  pa: number,
  first: number,
  last: number,
  step: number,
  right: number,
): number {
  const { tlb } = cpu;
  const regime = va < 0 ? cpu.regime1 : cpu.regime0;
  const asid = regime?.asid ?? 0;
  let hits = 0;
  let stop = -1;
  for (let i = first; i < last; i++) {
    const address = va + i * step;
    const way = lookup(tlb, address, asid);
    // Plain hits are decided here; whatever is unusual (miss, several entries, flags) goes the whole way.
    if (way >= 0 && tlb.flags[way]! < 4 && (tlb.rights[way]! & right) !== 0) {
      hits++;
      if (tlb.pa[way]! + (address - tlb.tag[way]!) === pa + i * step) continue;
      stop = i;
      break;
    }
    if (translateOnce(cpu, address, right) !== pa + i * step) {
      stop = i;
      break;
    }
  }
  cpu.counts[ACCESSES]! += hits;
  cpu.counts[HITS]! += hits;
  return stop;
}

/**
 * `count` reads of random pages among `pages` (a power of two) from `va` on. Returns a sum over the physical addresses,
 * so that the work cannot be optimised away. `seed`: any non-zero 32-bit number.
 */
export function readRandomPages(cpu: Cpu, va: number, pages: number, count: number, seed: number): number {
  const { tlb, memory } = cpu;
  const { pageBytes } = memory;
  const regime = va < 0 ? cpu.regime1 : cpu.regime0;
  if (regime === undefined) throw new Error('random reads need translation to be on');
  let state = seed | 0;
  let sum = 0;
  let misses = 0;
  for (let done = 0; done < count; done += GROUP) {
    catchUp(cpu);
    for (let i = 0; i < GROUP; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const address = va + ((state >>> 0) & (pages - 1)) * pageBytes;
      let way = lookup(tlb, address, regime.asid);
      if (way < 0) {
        if (way === MISS) {
          way = walkAndFill(cpu, regime, address, 0);
          misses++;
        } else way = tlb.matched[0]!;
        if (way < 0) throw new Error(`fault ${-way} at ${address}`);
      }
      sum += tlb.pa[way]! + (address - tlb.tag[way]!);
    }
    if (overtaken(cpu)) cpu.counts[REDONE]!++;
  }
  cpu.counts[ACCESSES]! += count;
  cpu.counts[HITS]! += count - misses;
  cpu.counts[MISSES]! += misses;
  return sum;
}
