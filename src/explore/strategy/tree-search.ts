import type { Chance } from '../../hardware/chooser.ts';
import type { Interleaved } from '../interleaver.ts';
import type { Strategy } from './search.ts';

/** What searches through the tree of all schedules have in common: how far they are, and where they were left off. */

export interface Exhaustive extends Strategy {
  /** Schedules run to their end. Of `dfs` each is a class of its own: no two differ only in the order of independent acts. */
  readonly complete: () => number;
  /** Schedules begun and cut, because another one tells the same story. */
  readonly redundant: () => number;
  /** Everything within the bounds has been run. */
  readonly finished: () => boolean;
  /** Between two schedules: all that it takes to go on another day, as JSON can hold it. */
  readonly checkpoint: () => Checkpoint;
}

/** An exhaustive search that was left off. What it holds is for the search alone that wrote it. */
export interface Checkpoint {
  readonly strategy: 'dfs' | 'bounded';
  /** Next schedule's number, and how many of those before were run to the end. */
  readonly schedules: number;
  readonly complete: number;
  readonly finished: boolean;
  readonly stack: readonly object[];
  /** Of `bounded`: by the CPU that went last, a key and what had been used up, in turns. */
  readonly visited?: readonly (readonly number[])[];
}

/** How far a search is. */
export interface Tally extends Required<Pick<Exhaustive, 'complete' | 'redundant' | 'finished' | 'ran'>> {
  /** The last branch has been run. */
  readonly finish: () => void;
  /** For a checkpoint. */
  readonly soFar: () => Pick<Checkpoint, 'schedules' | 'complete' | 'finished'>;
}

/** Counts schedules, from where an earlier search was left off. */
export function tally(from?: Checkpoint): Tally {
  let complete = from?.complete ?? 0;
  let redundant = (from?.schedules ?? 0) - complete;
  let finished = from?.finished ?? false;
  return {
    ran({ cut }: Interleaved) {
      if (cut) redundant++;
      else complete++;
    },
    finish() {
      finished = true;
    },
    complete: () => complete,
    redundant: () => redundant,
    finished: () => finished,
    soFar: () => ({ schedules: complete + redundant, complete, finished }),
  };
}

/** A place in the tree of all schedules where chance answers. */
export interface ChanceNode {
  readonly limit: number;
  answer: number;
}

/** `mayStray`: this answer may be another than the tame one. Of places that are alike (`place`) the first is taken. */
export function chanceNode(bound: number, kind: Chance, mayStray: boolean): ChanceNode {
  return { limit: kind === 'place' || !mayStray ? 1 : bound, answer: 0 };
}
