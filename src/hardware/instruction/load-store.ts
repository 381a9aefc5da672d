import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { textIndex, textStored } from '../memory/instruction-memory.ts';
import { compareExchange, exchange, fetchAdd, isTableWord, read, wordOf } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { advance } from '../progress.ts';
import { drainEverything, drainRuns, drainSome, makeRoom } from '../store-buffer/drain.ts';
import { forwarded, pushStore } from '../store-buffer/store-buffer.ts';
import { forwardedByRun } from '../store-buffer/store-run.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { leaveHazard, translate, translateOnce } from '../translation/access.ts';
import { readRight, refused, writable } from '../translation/writable.ts';
import { die } from './exception.ts';

/** A 64-bit load. `va`: 8-byte aligned. A fault nobody handles halts the CPU. */
export function* load(cpu: Cpu, va: number): Op<bigint> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    const value = pa < 0 ? 0n : (storedHere(cpu, pa) ?? read(cpu.memory, pa));
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return value;
  }
}

/** What this CPU has stored to the word at `pa` and nobody else can see yet. It is read: it may leave, and be overwritten. */
export function storedHere({ stores, runs, memory }: Cpu, pa: number): bigint | undefined {
  const value = forwarded(stores, pa) ?? (runs.length > 0 ? forwardedByRun(runs, pa) : undefined);
  if (value !== undefined) memory.watcher?.read(wordOf(memory, pa));
  return value;
}

/** A load-exclusive, or WFE's companion: arms the monitor on the word, so that `wfe` waits for it to change. */
export function* loadExclusive(cpu: Cpu, va: number): Op<bigint> {
  const value = yield* load(cpu, va);
  const pa = translate(cpu, va, readRight(cpu));
  cpu.monitorWord = pa < 0 ? -1 : wordOf(cpu.memory, pa) * 2;
  cpu.monitorValue = Number(BigInt.asIntN(32, value));
  return value;
}

/** A 64-bit store: into the store buffer where it changes a table page, else visible at once. */
export function* store(cpu: Cpu, va: number, value: bigint): Op {
  const stop = boundary(cpu, 'store', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  if (isTableWord(cpu.memory, pa)) {
    if (cpu.runs.length > 0) drainRuns(cpu, pa, pa + 8);
    makeRoom(cpu);
    pushStore(cpu.stores, pa, value);
    cpu.step = note(cpu.trace, 'buffered', 0, va, value, pa);
    leaveHazard(cpu);
    if (!cpu.controlled && cpu.choose(2, 'drain') === 1) drainSome(cpu);
  } else {
    exchange(cpu.memory, pa, value);
    const index = textIndex(cpu.memory, pa);
    if (index >= 0) textStored(cpu.memory, index, value);
    cpu.step = note(cpu.trace, 'store', 0, va, value, pa);
    leaveHazard(cpu);
    wake(cpu, pa);
  }
}

/** LDADD: adds to the word, returns what was there. Not for table pages. */
export function* loadAdd(cpu: Cpu, va: number, addend: bigint): Op<bigint> {
  const stop = boundary(cpu, 'rmw', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  const before = fetchAdd(cpu.memory, pa, addend);
  advance(cpu.progress);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'rmw', 0, va, before + addend, pa);
  wake(cpu, pa);
  return before;
}

/** CAS: stores `value` if the word holds `expected`; returns what was there. Table pages: drains first, visible at once. */
export function* compareAndSwap(cpu: Cpu, va: number, expected: bigint, value: bigint): Op<bigint> {
  const stop = boundary(cpu, 'rmw', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  drainEverything(cpu);
  const before = compareExchange(cpu.memory, pa, expected, value);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'rmw', before === expected ? 1 : 0, va, value, pa);
  if (before === expected) {
    advance(cpu.progress);
    if (isTableWord(cpu.memory, pa)) cpu.visible(pa, before, value);
    else wake(cpu, pa);
  }
  return before;
}

/** SWP: stores `value`, returns what was there. Table pages: drains first, visible at once. */
export function* swap(cpu: Cpu, va: number, value: bigint): Op<bigint> {
  const stop = boundary(cpu, 'rmw', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  drainEverything(cpu);
  const before = exchange(cpu.memory, pa, value);
  advance(cpu.progress);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'rmw', 1, va, value, pa);
  if (isTableWord(cpu.memory, pa)) cpu.visible(pa, before, value);
  else wake(cpu, pa);
  return before;
}

/** Wakes whoever sleeps on the word at `pa`. Under a scheduler nobody sleeps. */
function wake(cpu: Cpu, pa: number): void {
  if (!cpu.controlled) Atomics.notify(cpu.memory.int32, wordOf(cpu.memory, pa) * 2);
}
