import { CPU_PROGRESS } from './dvm.ts';
import type { PointKind } from './op.ts';

/**
 * What counts as getting somewhere. When no CPU of a machine has got anywhere for long, its watchdog calls that a hang, so
 * this must be neither too generous nor ever unjust. Whatever others can see counts: a store, a table fill, a TLBI, a system
 * register, an interrupt, a milestone. A compare-and-swap that fails, a barrier and a wait do not: who is woken owes that to
 * somebody's store. A read counts where this CPU has not read lately. So a spin on a few words is found out, whatever
 * barriers it has, and a CPU that reads its way through a large memory is not.
 */
export interface Progress {
  /** The CPU's words: `CPU_PROGRESS` counts. */
  readonly words: Int32Array;
  /** Addresses of reads that were looked at, and which of them is the oldest. */
  readonly lately: Float64Array;
  oldest: number;
}

/** A spin on at most this many words is found out. */
export const WORDS_OF_A_SPIN = 64;

export function newProgress(words: Int32Array): Progress {
  return { words, lately: new Float64Array(WORDS_OF_A_SPIN).fill(Number.NaN), oldest: 0 };
}

/** The CPU has got somewhere. */
export function advance({ words }: Progress): void {
  words[CPU_PROGRESS]!++;
}

/** The CPU has got somewhere by its next instruction, whatever comes of it. */
export function isAdvance(kind: PointKind): boolean {
  return kind === 'store' || kind === 'fill-table' || kind === 'tlbi' || kind === 'msr' || kind === 'ipi';
}

/**
 * One instruction out of many, picked by chance, is looked at: the CPU has got somewhere if that reads where it has not
 * read lately. All words of a spin are known before long, and most of a long walk through memory never are.
 */
export function sampleRead(progress: Progress, kind: PointKind, address: number): void {
  const { lately } = progress;
  if (kind !== 'load' && kind !== 'fetch' && kind !== 'rmw') return;
  if (lately.includes(address)) return;
  lately[progress.oldest] = address;
  progress.oldest = (progress.oldest + 1) % lately.length;
  advance(progress);
}
