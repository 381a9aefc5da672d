import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { setPending } from '../memory/frame.ts';
import { frameOf, wordOf, wroteFrame } from '../memory/memory.ts';
import { isTableAt, placeOf } from '../memory/table-word.ts';
import type { Op } from '../op.ts';
import { drainSome, drainWithin, makeRoom } from '../store-buffer/drain.ts';
import { pushStore } from '../store-buffer/store-buffer.ts';
import { fillWords } from '../store-buffer/store-run.ts';
import { note } from '../trace.ts';
import { leaveHazard } from '../translation/access.ts';
import { refused, writable } from '../translation/writable.ts';

/** Stores of many entries as one step. */

/**
 * Fills the whole table page at `va` by plain stores: entry i gets `first + i * stepBytes`. One step, for nobody can
 * reach the page yet; until this CPU's next barrier walkers may or may not see it.
 */
export function* fillTable(cpu: Cpu, va: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  const { memory } = cpu;
  makeRoom(cpu);
  fillWords(memory.int32, wordOf(memory, pa) * 2, memory.pageBytes / 8, first, stepBytes);
  wroteFrame(memory, frameOf(memory, pa));
  setPending(memory, frameOf(memory, pa), cpu.id);
  pushStore(cpu.stores, pa, 0n, 1);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', memory.pageBytes / 8, va, first, pa);
}

/**
 * Stores `count` neighbouring entries that were all invalid, as one buffered store: entry i gets `first + i * stepBytes`.
 * The table may be linked, for first-time entries need no order among themselves; until this CPU's next barrier walkers may
 * or may not see them. Throws if one was valid (that is a change) or becomes a table (a link needs its order): both need
 * `store`.
 */
export function* storeRun(cpu: Cpu, va: number, count: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  const { memory } = cpu;
  const place = placeOf(memory, pa);
  if (place !== undefined && isTableAt(first, place.level)) throw new Error(`storeRun of tables at ${va}`);
  const end = pa + 8 * count;
  drainWithin(cpu, pa, end);
  for (let at = pa, half = wordOf(memory, pa) * 2; at < end; at += 8, half += 2)
    if ((memory.halves[half]! & 1) !== 0) throw new Error(`storeRun over a valid entry at ${va + at - pa}`);
  makeRoom(cpu);
  cpu.runs.push({ pa, count, first, stepBytes });
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', count, va, first, pa);
  if (!cpu.controlled && cpu.choose(2, 'drain') === 1) drainSome(cpu);
}

/** Zeroes the table page at `va`, fresh from the allocator: until the next barrier walkers may still see what it held. */
export function clearPage(cpu: Cpu, va: number): Op {
  return fillTable(cpu, va, 0n, 0);
}
