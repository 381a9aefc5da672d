import type { Violation } from '../../check/violation.ts';
import type { Revision } from '../../kernel/config.ts';
import type { Mark } from '../../kernel/marks.ts';
import { type Bench, benchOf, EXPLAIN_BUDGET, putIn, type Trial } from './bench.ts';
import { COSTS, type Cost, LINES, type Line } from './insertion.ts';
import { linuxPlace, linuxSentence } from './linux-place.ts';
import { type OpenEnd, openEnds } from './open-end.ts';
import { changedSentences, goodRevision, type SentencePath } from './sentence.ts';
import type { Shrunk } from './shrink.ts';
import { keyOf, type Spot } from './spot.ts';

/** What is missing in a failing run, found by trying: a line that is put in, and with which nothing fails any more. */

/** A line with which every schedule that was tried came to a good end. */
export interface Cure {
  readonly insert: string;
  readonly cost: Cost;
  /** The first CPU that came there in the failing run. The line stands wherever any CPU comes to the place. */
  readonly cpu: number;
  /** The instructions around it, and the CPU's milestones. */
  readonly after: string;
  readonly before: string;
  readonly between: readonly [from: Mark | '', to: Mark | ''];
  /** In the handler of an interrupt that came there. */
  readonly inInterrupt: boolean;
  /** The function of Linux, 6.18; undefined: nobody can tell. */
  readonly linux: string | undefined;
  /** What has to undo the line further on, before which instruction, after which milestone. */
  readonly undo?: { readonly insert: string; readonly before: string; readonly milestone: Mark | '' };
  /** Neighbouring places of the same CPU where it does as well, this one included. */
  readonly places: number;
  /** How often it runs in the failing schedule. */
  readonly times: number;
  readonly schedulesTried: number;
}

/** A sentence that the scenario has changed, and with which, as the kernel has it, every schedule came to a good end. */
export interface SentenceCure {
  /** Its place in the kernel's text: 'repaint.mapFlag'. */
  readonly sentence: SentencePath;
  /** The revision that has it so: the scenario's own, or 6.18 where it is the revision that fails. */
  readonly revision: Revision;
  /** What it is in Linux; undefined: nobody can tell. */
  readonly linux: string | undefined;
  readonly schedulesTried: number;
}

export interface Explanation {
  readonly violation: Violation;
  /** The cheapest there are, none where no single line helps: then the text is wrong in another way. */
  readonly cures: readonly Cure[];
  readonly sentences: readonly SentenceCure[];
  /** What the failing run had begun and not completed. */
  readonly openEnds: readonly OpenEnd[];
  /** How many of the schedules that a cure has to pass fail without it. */
  readonly without: { readonly schedules: number; readonly violated: number };
  /** What was tried: places, lines at each, changed sentences, and runs of all together. */
  readonly tried: {
    readonly places: number;
    readonly lines: number;
    readonly sentences: number;
    readonly runs: number;
  };
}

/** Explains a failing run. The same input gives the same result. Throws a RangeError for a run that violated nothing. */
export function explain(shrunk: Shrunk, budget = EXPLAIN_BUDGET): Explanation {
  const [violation] = shrunk.found.violations;
  if (violation === undefined) throw new RangeError('a run that violated nothing cannot be explained');
  const endless = violation.property === 'hung'; // then no line helps, each run is long, and what it does is all the same
  const bench = benchOf(shrunk, endless ? { ...budget, schedules: budget.quick, wide: budget.quick } : budget);
  const places = placesOf(bench);
  const violated = bench.failures();
  let lines = 0;
  let cures: Cure[] = [];
  for (const cost of COSTS) {
    const some = endless ? [] : LINES.filter((line) => line.cost === cost);
    lines += some.length;
    cures = curesAmong(bench, places, some);
    if (cures.length > 0) break;
  }
  const changed = changedSentences(shrunk.exploration);
  const sentences = changed.filter((path) => bench.passesRestored(path));
  return {
    violation,
    cures,
    sentences: sentences.map((sentence) => ({
      sentence,
      revision: goodRevision(shrunk.exploration),
      linux: linuxSentence(sentence),
      schedulesTried: bench.budget.schedules + 1,
    })),
    openEnds: openEnds(shrunk).slice(endless ? -1 : 0),
    without: { schedules: bench.budget.schedules + 1, violated },
    tried: { places: places.length, lines, sentences: changed.length, runs: bench.spent() },
  };
}

/** A place of the failing run, and who came there first. */
interface Place {
  readonly cpu: number;
  readonly spot: Spot;
}

/** The places of the failing run, each once, in the order in which they are come to. */
function placesOf(bench: Bench): Place[] {
  const places = new Map<string, Place>();
  bench.run(0, ({ cpu }, spot) => {
    const key = keyOf(spot);
    if (!places.has(key)) places.set(key, { cpu: cpu.id, spot });
    return undefined;
  });
  return [...places.values()];
}

/** Where one of these lines is a cure; at each place the first that is, neighbouring places as one. What runs least comes first. */
function curesAmong(bench: Bench, places: readonly Place[], lines: readonly Line[]): Cure[] {
  const cures = new Map<Place, Trial>();
  for (const line of lines)
    for (const place of places) {
      if (cures.has(place) || (line.waits && place.spot.announced !== undefined)) continue;
      const cure = trialsOf(bench, line, place).find((trial) => isCure(bench, trial));
      if (cure !== undefined) cures.set(place, cure);
    }
  const groups = lines.flatMap((line) =>
    neighbours(places, (place) => cures.get(place)?.[0]?.line === line).map((group) => {
      const place = line.waits ? group[0]! : group.at(-1)!; // the earliest that is enough, or the latest
      return cureOf(bench, cures.get(place)!, place, group.length);
    }),
  );
  return groups.sort((a, b) => a.times - b.times);
}

function isCure(bench: Bench, trial: Trial): boolean {
  const { schedules, quick } = bench.budget;
  return bench.passes(trial, 0, quick) && bench.passes(trial, quick, schedules + 1) && bench.passesWide(trial);
}

/** The line at the place; with what undoes it, if that is needed, at each place that the CPU comes to afterwards, the last first. */
function trialsOf(bench: Bench, line: Line, { cpu, spot }: Place): Trial[] {
  const { undo } = line;
  if (undo === undefined) return [[{ line, spot }]];
  const insert = putIn([{ line, spot }]);
  const further = new Map<string, Spot>();
  let inserted = false;
  bench.run(0, (lane, here) => {
    const op = insert(lane, here);
    if (inserted && lane.cpu.id === cpu && keyOf(here) !== keyOf(spot)) further.set(keyOf(here), here);
    inserted ||= op !== undefined && lane.cpu.id === cpu;
    return op;
  });
  return [...further.values()].reverse().map((other) => [
    { line, spot },
    { line: undo, spot: other },
  ]);
}

/** Places that are wanted and follow each other on one CPU. */
function neighbours(places: readonly Place[], wanted: (place: Place) => boolean): Place[][] {
  const groups: Place[][] = [];
  for (const cpu of new Set(places.map((place) => place.cpu))) {
    let group: Place[] | undefined;
    for (const place of places.filter((one) => one.cpu === cpu)) {
      if (!wanted(place)) group = undefined;
      else if (group !== undefined) group.push(place);
      else {
        group = [place];
        groups.push(group);
      }
    }
  }
  return groups;
}

function cureOf(bench: Bench, trial: Trial, { cpu }: Place, places: number): Cure {
  const [{ line, spot }, undo] = trial as [Trial[number], Trial[number]?];
  const { times, next } = cured(bench, trial, cpu);
  return {
    insert: line.text,
    cost: line.cost,
    cpu,
    after: spot.after,
    before: spot.before,
    between: [spot.milestone, spot.announced ?? next],
    inInterrupt: spot.inInterrupt ?? false,
    linux: linuxPlace(spot),
    ...(undo && { undo: { insert: undo.line.text, before: undo.spot.before, milestone: undo.spot.milestone } }),
    places,
    times,
    schedulesTried: bench.budget.schedules + 1,
  };
}

/** The failing schedule as it was cured: how often lines run, and the CPU's next milestone after the first time. */
function cured(bench: Bench, trial: Trial, cpu: number): { times: number; next: Mark | '' } {
  const insert = putIn(trial);
  const from = trial[0]!.spot.milestone;
  let times = 0;
  let next: Mark | '' = '';
  bench.run(0, (lane, spot) => {
    const op = insert(lane, spot);
    if (lane.cpu.id === cpu && times > 0 && next === '' && spot.milestone !== from) next = spot.milestone;
    if (op !== undefined) times++;
    return op;
  });
  return { times, next };
}
