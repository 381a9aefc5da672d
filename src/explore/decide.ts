import type { Chance } from '../hardware/chooser.ts';

/**
 * Who decides. Everything that could go one way or another in an interleaved run is one question: who acts next, or how
 * chance falls on one CPU. Every answer is an integer in [0, bound), 0 the tame one, so that a run is a list of numbers.
 */
export interface Decide {
  /** Who acts next: an index into `ready.actors`, or `CUT`. */
  readonly next: (ready: Ready) => number;
  /** Asked who acts next even where there is one answer only. */
  readonly always?: boolean;
  /** How chance falls on CPU `cpu`. */
  readonly chance: (bound: number, kind: Chance, cpu: number) => number;
}

/** Instead of who acts next: this run need not go on, for another tells the same story. */
export const CUT = -1;

/**
 * Who may act now, as actors' numbers: first the `cpus` CPUs that can go on, the one that went last leading if it can; then
 * what the hardware may do by itself.
 */
export interface Ready {
  readonly actors: Int32Array;
  cpus: number;
  count: number;
}

/** What an actor of a CPU does. An actor's number is the CPU's times `ACTS`, plus this. */
export const STEP = 0;
/** The hardware lets one buffered store go. */
export const DRAIN = 1;
/** The hardware walks where no program asked it to. */
export const SPECULATE = 2;
export const ACTS = 4;

export function cpuOfActor(actor: number): number {
  return Math.floor(actor / ACTS);
}

export function actOf(actor: number): number {
  return actor % ACTS;
}

/** The answers of one run, in order, and how many each question had. Questions with one answer are not asked. */
export interface Decisions {
  readonly bounds: readonly number[];
  readonly answers: readonly number[];
}
