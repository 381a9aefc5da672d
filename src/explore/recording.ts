import type { Chance } from '../hardware/chooser.ts';
import { CUT, type Decide, type Decisions, type Ready } from './decide.ts';

/** Passes questions on to whoever decides this run, and keeps the answers. */
export interface Recording {
  readonly next: (ready: Ready) => number;
  readonly chance: (bound: number, kind: Chance, cpu: number) => number;
  /** Forgets the last run; `decide` decides the next. */
  readonly begin: (decide: Decide) => void;
  /** The decisions so far. */
  readonly decisions: () => Decisions;
}

export function recording(): Recording {
  let decide: Decide | undefined;
  let asked = false;
  let bounds: number[] = [];
  let answers: number[] = [];
  const kept = (bound: number, answer: number): number => {
    if (!Number.isInteger(answer) || answer < 0 || answer >= bound)
      throw new RangeError(`a decision among ${bound} was answered by ${answer}`);
    bounds.push(bound);
    answers.push(answer);
    return answer;
  };
  return {
    next: (ready) => {
      if (ready.count === 1 && !asked) return 0;
      const answer = decide!.next(ready);
      return answer === CUT || ready.count === 1 ? answer : kept(ready.count, answer);
    },
    chance: (bound, kind, cpu) => (bound === 1 ? 0 : kept(bound, decide!.chance(bound, kind, cpu))),
    begin: (by) => {
      decide = by;
      asked = by.always === true;
      bounds = [];
      answers = [];
    },
    decisions: () => ({ bounds, answers }),
  };
}
