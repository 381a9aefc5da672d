import { leaveHazard } from './access.ts';
import { boundary } from './boundary.ts';
import type { Cpu } from './cpu.ts';
import { makeRoom } from './drain.ts';
import { setPending } from './frame.ts';
import { frameOf, wordOf } from './memory.ts';
import type { Op } from './op.ts';
import { pushStore } from './store-buffer.ts';
import { note } from './trace.ts';
import { writable } from './writable.ts';

/** Stores of many entries as one step. */

/**
 * Fills the whole table page at `va` by plain stores: entry i gets `first + i * stepBytes`. One step, for nobody can
 * reach the page yet; until this CPU's next barrier walkers may or may not see it.
 */
export function* fillTable(cpu: Cpu, va: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const { memory } = cpu;
  makeRoom(cpu);
  fillWords(memory.halves, wordOf(memory, pa) * 2, memory.pageBytes / 8, first, stepBytes);
  setPending(memory, frameOf(memory, pa), cpu.id);
  pushStore(cpu.stores, pa, 0n, 1);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', memory.pageBytes / 8, va, first, pa);
}

/**
 * Stores `count` neighbouring entries that were all invalid, as `fillTable` does but into a table that may be linked:
 * first-time entries need no order among themselves. Throws if one was valid: that is a change, and needs `store`.
 */
export function* storeRun(cpu: Cpu, va: number, count: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const { memory } = cpu;
  const start = wordOf(memory, pa) * 2;
  for (let i = 0; i < count; i++)
    if ((memory.halves[start + 2 * i]! & 1) !== 0) throw new Error(`storeRun over a valid entry at ${va + 8 * i}`);
  fillWords(memory.halves, start, count, first, stepBytes);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', count, va, first, pa);
}

/** Writes `count` descriptors whose output address grows by `stepBytes`, as halves: the fastest way there is. */
export function fillWords(halves: Uint32Array, start: number, count: number, first: bigint, stepBytes: number): void {
  let lo = Number(first & 0xffff_ffffn);
  let hi = Number(first >> 32n);
  const stepLow = stepBytes % 2 ** 32;
  const stepHigh = Math.floor(stepBytes / 2 ** 32);
  for (let i = start, end = start + 2 * count; i < end; i += 2) {
    halves[i] = lo;
    halves[i + 1] = hi;
    lo += stepLow;
    hi += stepHigh;
    if (lo >= 2 ** 32) {
      lo -= 2 ** 32;
      hi += 1;
    }
  }
}

/** Zeroes the table page at `va`, visible at once: for pages fresh from the allocator. */
export function* clearPage(cpu: Cpu, va: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const start = wordOf(cpu.memory, pa) * 2;
  cpu.memory.halves.fill(0, start, start + cpu.memory.pageBytes / 4);
  leaveHazard(cpu);
}
