import type { Chance } from '../hardware/chooser.ts';

/**
 * Who decides. Everything that could go one way or another in an interleaved run is one question: which CPU goes next, or
 * how chance falls on one CPU. Every answer is an integer in [0, bound), 0 the tame one, so that a run is a list of numbers.
 */
export interface Decide {
  /** Which of the CPUs that can go on does: an index into `ready`, whose first is the one that went last, if it can. */
  readonly next: (ready: readonly number[]) => number;
  /** How chance falls on CPU `cpu`. */
  readonly chance: (bound: number, kind: Chance, cpu: number) => number;
}

/** A question that had more than one answer, and the answer. */
export interface Decision {
  readonly bound: number;
  readonly answer: number;
}

/** Passes every question on, and keeps the answers. Questions with one answer are not asked. */
export function recording(decide: Decide): { readonly decide: Decide; readonly decisions: readonly Decision[] } {
  const decisions: Decision[] = [];
  const kept = (bound: number, answer: number): number => {
    if (!Number.isInteger(answer) || answer < 0 || answer >= bound)
      throw new RangeError(`a decision among ${bound} was answered by ${answer}`);
    decisions.push({ bound, answer });
    return answer;
  };
  return {
    decisions,
    decide: {
      next: (ready) => (ready.length === 1 ? 0 : kept(ready.length, decide.next(ready))),
      chance: (bound, kind, cpu) => (bound === 1 ? 0 : kept(bound, decide.chance(bound, kind, cpu))),
    },
  };
}
