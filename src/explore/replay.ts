import type { Decide, Decision } from './decide.ts';

/** A recorded run asks another question than the one that was answered: program, board or configuration have changed. */
export class Diverged extends Error {
  override readonly name = 'Diverged';
  readonly at: number;

  constructor(at: number, why: string) {
    super(`the run no longer fits its record: at decision ${at} ${why}`);
    this.at = at;
  }
}

/**
 * Answers as a recorded run did. Throws `Diverged` where a question has another number of answers than it had; past the end
 * of the record every answer is the tame one.
 */
export function replaying(decisions: readonly Decision[]): Decide {
  let at = 0;
  const answer = (bound: number): number => {
    const decision = decisions[at];
    if (decision === undefined) return 0;
    if (decision.bound !== bound)
      throw new Diverged(at, `there are ${bound} answers, and there were ${decision.bound}`);
    at++;
    return decision.answer;
  };
  return { next: (ready) => answer(ready.length), chance: answer };
}
