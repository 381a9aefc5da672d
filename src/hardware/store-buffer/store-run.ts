import { TABLE_STORES } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { exchange, frameOf, wordOf, wroteFrame } from '../memory/memory.ts';
import { liveEntriesHaveChanged } from '../memory/table-word.ts';
import { isAlone } from '../tlbi/dvm.ts';

/**
 * Neighbouring table entries that were invalid and that one CPU has stored in one go: the word at `pa + 8 * i` becomes
 * `first + i * stepBytes`. A run waits among the CPU's buffered stores, counts as one of them, and leaves as a whole.
 */
export interface StoreRun {
  readonly pa: number;
  readonly count: number;
  readonly first: bigint;
  readonly stepBytes: number;
}

/** Word `i` of the run. */
export function runValue({ first, stepBytes }: StoreRun, i: number): bigint {
  return first + BigInt(i) * BigInt(stepBytes);
}

/** The run holds a word of `[pa, end)`. */
export function overlaps(run: StoreRun, pa: number, end: number): boolean {
  return run.pa < end && run.pa + 8 * run.count > pa;
}

/** What a run that walkers cannot see yet holds for the word at `pa`: a CPU sees its own stores. */
export function forwardedByRun(runs: readonly StoreRun[], pa: number): bigint | undefined {
  const run = runs.find((each) => overlaps(each, pa, pa + 8));
  return run && runValue(run, (pa - run.pa) / 8);
}

/**
 * The run becomes visible, word by word like all table words. A CPU that maps the machine's RAM before any other has power
 * takes a shortcut: while no live entry of any tree has ever changed, nothing can be said against a first-time entry, and
 * nobody is there to read one half of a word without the other.
 */
export function showRun(cpu: Cpu, run: StoreRun): void {
  const { memory } = cpu;
  if (isAlone(cpu.dvm, cpu.id) && !liveEntriesHaveChanged(memory)) {
    wroteFrame(memory, frameOf(memory, run.pa));
    fillWords(memory.int32, wordOf(memory, run.pa) * 2, run.count, run.first, run.stepBytes);
    cpu.counts[TABLE_STORES]! += run.count;
    return;
  }
  for (let i = 0; i < run.count; i++) {
    const value = runValue(run, i);
    cpu.visible(run.pa + 8 * i, exchange(memory, run.pa + 8 * i, value), value);
  }
}

/**
 * Writes `count` descriptors whose output address grows by `stepBytes`, from half-word `start` on, as int32 halves: twice
 * as fast as any other way there is.
 */
export function fillWords(int32: Int32Array, start: number, count: number, first: bigint, stepBytes: number): void {
  const lowStep = stepBytes | 0;
  const highStep = Math.floor(stepBytes / 2 ** 32) | 0;
  let low = Number(BigInt.asIntN(32, first)) | 0;
  let high = Number(BigInt.asIntN(32, first >> 32n)) | 0;
  const end = (start + 2 * count) | 0;
  for (let i = start | 0; i < end; i = (i + 2) | 0) {
    int32[i] = low;
    int32[i + 1] = high;
    const next = (low + lowStep) | 0;
    high = (high + highStep + (next >>> 0 < low >>> 0 ? 1 : 0)) | 0;
    low = next;
  }
}
