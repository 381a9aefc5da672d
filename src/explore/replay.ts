import type { Decide, Decisions } from './decide.ts';

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
export function replaying({ bounds, answers }: Decisions): Decide {
  let at = 0;
  const answer = (bound: number): number => {
    if (at >= answers.length) return 0;
    if (bounds[at] !== bound) throw new Diverged(at, `there are ${bound} answers, and there were ${bounds[at]}`);
    return answers[at++]!;
  };
  return { next: ({ count }) => answer(count), chance: answer };
}

/** Answers as told where that is possible, else tamely: a record that need not fit. */
export function following(answers: readonly number[]): Decide {
  let at = 0;
  const answer = (bound: number): number => {
    const wish = answers[at++] ?? 0;
    return wish < bound ? wish : 0;
  };
  return { next: ({ count }) => answer(count), chance: answer };
}

/** Nothing happens that need not: whoever goes, goes on. */
export const TAME: Decide = { next: () => 0, chance: () => 0 };
