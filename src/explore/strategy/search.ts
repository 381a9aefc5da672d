import type { Decide } from '../decide.ts';
import type { Interleaved, Interleaver } from '../interleaver.ts';
import type { Acted } from '../scheduler.ts';

/** A way of going through schedules. Schedules are numbered, so that they can be shared out and done again. */
export interface Strategy {
  readonly name: string;
  /** Who decides schedule `index`; undefined: there is nothing left to try. */
  readonly decide: (index: number) => Decide | undefined;
  /** Told of every act of a schedule it decides. */
  readonly acted?: Acted;
  /** Told how the schedule it last decided went. */
  readonly ran?: (run: Interleaved) => void;
}

/** What some schedules came to. */
export interface Searched {
  /** Schedules run, and points of all of them together. */
  readonly schedules: number;
  readonly points: number;
  /** Schedules that were given up after too many points. */
  readonly givenUp: number;
  /** The first schedule that violated a property, if the search met one: it stops there. */
  readonly found: { readonly index: number; readonly run: Interleaved } | undefined;
  /** The strategy has nothing left to try. */
  readonly exhausted: boolean;
}

/**
 * Runs schedules `from` up to `to`, until the first violation or until the strategy has none left. `ran` is told of every run,
 * for whoever counts what was covered.
 */
export function search(
  interleaver: Interleaver,
  strategy: Strategy,
  from: number,
  to: number,
  ran?: (run: Interleaved, index: number) => void,
): Searched {
  let points = 0;
  let givenUp = 0;
  for (let index = from; index < to; index++) {
    const decide = strategy.decide(index);
    if (decide === undefined) return { schedules: index - from, points, givenUp, found: undefined, exhausted: true };
    const run = interleaver.run(decide, strategy.acted);
    points += run.points;
    if (run.verdict === 'inconclusive' && !run.cut) givenUp++;
    strategy.ran?.(run);
    ran?.(run, index);
    if (run.verdict === 'violated')
      return { schedules: index + 1 - from, points, givenUp, found: { index, run }, exhausted: false };
  }
  return { schedules: to - from, points, givenUp, found: undefined, exhausted: false };
}
