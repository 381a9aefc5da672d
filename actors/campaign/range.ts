import { type Collector, type Coverage, collected } from '../../src/explore/coverage/coverage.ts';
import { DANGERS, type Situation, situationsOf } from '../../src/explore/coverage/discovery.ts';
import type { Interleaved, Interleaver } from '../../src/explore/interleaver.ts';
import { type Strategy, search } from '../../src/explore/strategy/search.ts';

/** Some schedules of a search, which one worker runs without asking anybody. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A schedule that violated a property. */
export interface FoundRun {
  readonly index: number;
  readonly run: Interleaved;
}

/** What a range came to. */
export interface RangeResult extends Range {
  /** Schedules that were run, from the first on: fewer than the range has where it was broken off. */
  readonly schedules: number;
  readonly points: number;
  readonly givenUp: number;
  /** Schedules that were cut short, because another one tells the same story. */
  readonly cut: number;
  readonly found: readonly FoundRun[];
  /** The strategy has nothing left to try. */
  readonly exhausted: boolean;
  /** What each schedule met that none of this worker's earlier ones had. */
  readonly news: readonly { readonly index: number; readonly situations: readonly Situation[] }[];
  /** How many schedules reached each of the dangers. */
  readonly dangers: readonly number[];
  /** What the strategy depends on beside the seed. */
  readonly parameters: readonly number[];
  /** What the schedules covered, if somebody collected it. */
  readonly coverage: Coverage | undefined;
}

/** How whoever waits for a range breaks it off, and learns that it goes on. */
export interface Leash {
  /** The search ends before this schedule. */
  readonly endsBefore: () => number;
  /** One more schedule has been run. */
  readonly beat: () => void;
}

/** Whoever decides, and what with. */
export interface Decider {
  readonly strategy: Strategy;
  readonly parameters: readonly number[];
  /** Collects what is covered. */
  readonly collector?: Collector | undefined;
}

/** Runs ranges with one strategy on one machine. Ranges come in ascending order. */
export function rangeRunner(
  interleaver: Interleaver,
  { strategy: decides, parameters, collector }: Decider,
  keepGoing: boolean,
): (range: Range, leash: Leash) => RangeResult {
  const met = situationsOf(interleaver);
  const strategy = collector === undefined ? decides : collected(decides, collector);
  return ({ from, to }, leash) => {
    const found: FoundRun[] = [];
    const news: { index: number; situations: readonly Situation[] }[] = [];
    const dangers = DANGERS.map(() => 0);
    const leashed: Strategy = {
      ...strategy,
      decide: (index) => (index < leash.endsBefore() ? strategy.decide(index) : undefined),
    };
    let cut = 0;
    const ran = (run: Interleaved, index: number): void => {
      if (run.cut) cut++;
      const { news: situations, dangers: reached } = met();
      if (situations.length > 0) news.push({ index, situations });
      for (const [danger, yes] of reached.entries()) if (yes) dangers[danger]!++;
      leash.beat();
    };
    let [at, points, givenUp, exhausted] = [from, 0, 0, false];
    while (at < to) {
      const searched = search(interleaver, leashed, at, to, ran);
      at += searched.schedules;
      points += searched.points;
      givenUp += searched.givenUp;
      exhausted = searched.exhausted && at < leash.endsBefore();
      if (searched.found !== undefined) found.push(searched.found);
      if (searched.found === undefined || !keepGoing) break;
    }
    const schedules = at - from;
    const coverage = collector?.take();
    return { from, to, schedules, points, givenUp, cut, found, exhausted, news, dangers, parameters, coverage };
  };
}
