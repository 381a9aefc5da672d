import { resizeBoard } from '../../hardware/board/board-resize.ts';
import { type Exploration, type Interleaved, interleaverOf } from '../interleaver.ts';
import type { Departure } from './departures.ts';
import type { Line } from './insertion.ts';
import { type SentencePath, withRestored } from './sentence.ts';
import type { Shrunk } from './shrink.ts';
import { type AtSpot, follow, keyOf, type Spot } from './spot.ts';
import { FIRST_RANDOM, trialSchedule } from './trial-schedule.ts';

/** Where a failing run is run again, with something put in. */

export interface ExplainBudget {
  /** Schedules that a cure has to pass, beside the failing one. */
  readonly schedules: number;
  /** Of these, how many decide whether it is worth while to go on. */
  readonly quick: number;
  /** Random schedules that it has to pass with as many CPUs as there were before the run was shrunk. */
  readonly wide: number;
  readonly runs: number;
}

export const EXPLAIN_BUDGET: ExplainBudget = { schedules: 200, quick: 8, wide: 50, runs: 20_000 };

/** Lines, each at its spot. */
export type Trial = readonly { readonly line: Line; readonly spot: Spot }[];

/** A machine on which lines are tried out. */
export interface Bench {
  readonly budget: ExplainBudget;
  readonly spent: () => number;
  /** One of the schedules that a cure has to pass. `at`: told of each spot. */
  readonly run: (schedule: number, at: AtSpot | undefined) => Interleaved;
  /** The line lets schedules `from` up to `to` come to a good end. */
  readonly passes: (trial: Trial, from: number, to: number) => boolean;
  /** The line does as well where there are more CPUs. */
  readonly passesWide: (trial: Trial) => boolean;
  /** The same, where one sentence is the kernel's own. */
  readonly passesRestored: (path: SentencePath) => boolean;
  /** How many schedules do not come to a good end with no line put in. */
  readonly failures: () => number;
}

export function benchOf(shrunk: Shrunk, budget: ExplainBudget): Bench {
  const narrow = standOf(shrunk.exploration, shrunk.departures);
  const wide = widerThan(shrunk);
  let spent = 0;
  const passes = (stand: Stand, trial: Trial, from: number, to: number): boolean => {
    const at = putIn(trial);
    for (let schedule = from; schedule < to; schedule++) {
      if (spent++ >= budget.runs) return false;
      if (stand(schedule, at).verdict !== 'good') return false;
    }
    return true;
  };
  return {
    budget,
    spent: () => spent,
    run(schedule, at) {
      spent++;
      return narrow(schedule, at);
    },
    passes: (trial, from, to) => passes(narrow, trial, from, to),
    passesWide: (trial) => wide === undefined || passes(wide, trial, FIRST_RANDOM, FIRST_RANDOM + budget.wide),
    passesRestored(path) {
      const { exploration, departures } = shrunk;
      const one = standOf(withRestored(exploration, path), departures);
      if (!passes(one, [], 0, budget.schedules + 1)) return false;
      const more = widerThan({ ...shrunk, exploration: withRestored(exploration, path) });
      return more === undefined || passes(more, [], FIRST_RANDOM, FIRST_RANDOM + budget.wide);
    },
    failures() {
      let failures = 0;
      for (let schedule = 0; schedule <= budget.schedules; schedule++)
        if (narrow(schedule, undefined).verdict !== 'good') failures++;
      spent += budget.schedules + 1;
      return failures;
    },
  };
}

/** Runs one of the trial schedules. */
type Stand = (schedule: number, at: AtSpot | undefined) => Interleaved;

function standOf(exploration: Exploration, departures: readonly Departure[]): Stand {
  const interleaver = interleaverOf(exploration);
  const follower = follow(interleaver);
  return (schedule, at) => {
    follower.reset();
    follower.at = at;
    const { decide, acted } = trialSchedule(schedule, departures, interleaver, follower);
    return interleaver.run(decide, acted);
  };
}

/** With as many CPUs as there were; undefined: there are as many. A line that helps one CPU may fail two. */
function widerThan({ exploration, before, after }: Shrunk): Stand | undefined {
  if (before.cpus === after.cpus) return undefined;
  const resized = resizeBoard(exploration.board, { cpus: before.cpus });
  if (!resized.ok) return undefined;
  const { charts: _, ...unjudged } = exploration;
  return standOf({ ...unjudged, board: resized.board }, []);
}

export function putIn(trial: Trial): AtSpot {
  const lines = new Map(trial.map(({ line, spot }) => [keyOf(spot), line]));
  return (lane, here) => lines.get(keyOf(here))?.op(lane.cpu, lane.kernel);
}
