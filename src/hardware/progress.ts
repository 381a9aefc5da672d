import type { PointKind } from './op.ts';
import { CPU_PROGRESS } from './tlbi/dvm.ts';

/**
 * What counts as getting somewhere. When no CPU of a machine has got anywhere for long, its watchdog calls that a hang, so
 * this must be neither too generous nor ever unjust. Whatever others can see counts: a store, a table fill, a TLBI, a system
 * register, an interrupt, a milestone. A compare-and-swap that fails, a barrier and a wait do not: who is woken owes that to
 * somebody's store. A read counts where this CPU has not read lately. So a spin on a few words is found out, whatever
 * barriers it has, and a CPU that reads its way through a large memory is not.
 *
 * A loop that stores, invalidates or interrupts for ever gets somewhere all the time, and never anywhere else. Hence a
 * second count, of news: reads and stores where this CPU has done neither lately. Two CPUs that hand a word to and fro have
 * no news for long and may yet be about to finish, so the watchdog is far more patient with a machine without news.
 */
export interface Progress {
  /** The CPU's words: `CPU_PROGRESS`, `CPU_NEWS` and `CPU_TOUCHED` are written here. */
  readonly words: Int32Array;
  /** Addresses that were looked at, and which of them is the oldest. */
  readonly lately: Float64Array;
  oldest: number;
}

/** A spin on at most this many words is found out. */
export const WORDS_OF_A_SPIN = 64;

/** Word of a CPU: counts up with news. */
export const CPU_NEWS = 16;
/** Words of a CPU: what was looked at last, 1 + its place in `TOUCHES`, and the address in two halves, the lower first. */
const CPU_TOUCHED = 17;
const CPU_TOUCHED_LOW = 18;
const CPU_TOUCHED_HIGH = 19;

/** Instructions that have an address. */
const TOUCHES = ['load', 'store', 'rmw', 'fetch', 'fill-table'] as const satisfies PointKind[];

export interface Touch {
  readonly kind: (typeof TOUCHES)[number];
  /** Virtual address. */
  readonly address: number;
}

export function newProgress(words: Int32Array): Progress {
  return { words, lately: new Float64Array(WORDS_OF_A_SPIN).fill(Number.NaN), oldest: 0 };
}

/** The CPU has got somewhere. */
export function advance({ words }: Progress): void {
  words[CPU_PROGRESS]!++;
}

/** The CPU has got somewhere by its next instruction, whatever comes of it. */
export function isAdvance(kind: PointKind): boolean {
  return (
    kind === 'store' || kind === 'fill-table' || kind === 'tlbi' || kind === 'msr' || kind === 'ipi' || kind === 'smc'
  );
}

/**
 * One instruction out of many, picked by chance, is looked at: is it anywhere where this CPU has not been lately? All words
 * of a spin are known before long, and most of a long walk through memory never are.
 */
export function sample(progress: Progress, kind: PointKind, address: number): void {
  const touch = (TOUCHES as readonly PointKind[]).indexOf(kind);
  if (touch < 0) return;
  const { lately, words } = progress;
  words[CPU_TOUCHED] = 1 + touch;
  words[CPU_TOUCHED_LOW] = address | 0;
  words[CPU_TOUCHED_HIGH] = Math.floor(address / 2 ** 32);
  if (lately.includes(address)) return;
  lately[progress.oldest] = address;
  progress.oldest = (progress.oldest + 1) % lately.length;
  words[CPU_NEWS]!++;
  advance(progress);
}

/** What the CPU with these words was last seen to touch; not its very last, for only one instruction of many is looked at. */
export function lastTouched(words: Int32Array): Touch | undefined {
  const kind = TOUCHES[words[CPU_TOUCHED]! - 1];
  if (kind === undefined) return undefined;
  return { kind, address: words[CPU_TOUCHED_HIGH]! * 2 ** 32 + (words[CPU_TOUCHED_LOW]! >>> 0) };
}
