import { standardProperties } from '../../check/standard.ts';
import { attachMarkLog, marksSince } from '../../hardware/memory/mark-log.ts';
import { MARKS } from '../../kernel/marks.ts';
import type { Interleaver } from '../interleaver.ts';

/**
 * What schedules have shown that was not seen before. A situation is one CPU reaching a milestone while another stands at
 * one of its own, or the run reaching one of the dangers: coarse enough that there is an end of them, fine enough that each
 * is another order of events.
 */
export type Situation = number;

/** The `sometimes` properties, in the order in which `Met` has them. */
export const DANGERS = standardProperties.filter(({ seen }) => seen !== undefined);

/** What a run has met. */
export interface Met {
  /** Those that none of this observer's earlier runs had met. */
  readonly news: readonly Situation[];
  /** Which of the dangers it reached. */
  readonly dangers: readonly boolean[];
}

/** Asked after each run of the interleaver: what that one met. */
export function situationsOf(interleaver: Interleaver): () => Met {
  const { machine, lanes } = interleaver;
  const log = attachMarkLog(machine.memory, machine.layout);
  const seen = new Set<Situation>();
  const standing = new Int32Array(lanes.length);
  return () => {
    const news: Situation[] = [];
    const meet = (situation: Situation): void => {
      if (seen.has(situation)) return;
      seen.add(situation);
      news.push(situation);
    };
    standing.fill(0);
    for (const { cpu, mark } of marksSince(log, 0).marks) {
      standing[cpu] = mark + 1;
      for (let other = 0; other < lanes.length; other++)
        if (other !== cpu) meet(situationOf(cpu, standing[cpu]!, other, standing[other]!, lanes.length));
    }
    const counts = interleaver.counts();
    const dangers = DANGERS.map(({ seen: reached }) => reached!(counts));
    for (const [danger, reached] of dangers.entries()) if (reached) meet(-1 - danger);
    return { news, dangers };
  };
}

function situationOf(cpu: number, at: number, other: number, otherAt: number, cpus: number): Situation {
  const places = MARKS.length + 1;
  return ((cpu * cpus + other) * places + at) * places + otherAt;
}

/** How many situations schedules have met, told schedule by schedule in their order. */
export interface Discovery {
  readonly add: (schedule: number, news: readonly Situation[]) => void;
  /** At 1, 10, 100 ... and all of `schedules`. */
  readonly curve: (schedules: number) => readonly CurvePoint[];
  /** Which share of the last tenth of `schedules` met something new; 1 where nobody has looked long enough to say. */
  readonly lastTenth: (schedules: number) => number;
}

export interface CurvePoint {
  readonly schedules: number;
  readonly situations: number;
}

export function discovery(): Discovery {
  const met = new Set<Situation>();
  /** Schedules that met something new, ascending, and how many situations had been met with each. */
  const finders: CurvePoint[] = [];
  const after = (schedules: number): number => finders.findLast((one) => one.schedules < schedules)?.situations ?? 0;
  return {
    add(schedule, news) {
      const before = met.size;
      for (const situation of news) met.add(situation);
      if (met.size > before) finders.push({ schedules: schedule, situations: met.size });
    },
    curve(schedules) {
      const at: number[] = [];
      for (let power = 1; power < schedules; power *= 10) at.push(power);
      if (schedules > 0) at.push(schedules);
      return at.map((count) => ({ schedules: count, situations: after(count) }));
    },
    lastTenth(schedules) {
      const tenth = Math.floor(schedules / 10);
      if (tenth === 0) return 1;
      return finders.filter((one) => one.schedules >= schedules - tenth).length / tenth;
    },
  };
}
