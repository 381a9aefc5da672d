import type { Board, CpuModel } from '../../hardware/board/board.ts';
import { resizeBoard } from '../../hardware/board/board-resize.ts';
import { ACTS, actOf, cpuOfActor, type Decide } from '../decide.ts';
import { type Exploration, type Interleaved, type Interleaver, interleaverOf } from '../interleaver.ts';
import type { Lane } from '../lane.ts';
import { replaying } from '../replay.ts';
import { randomly } from '../strategy/random.ts';
import { accountOf, type RunSize } from './account.ts';
import { type Departure, departing, isByItself, type Place, type Steered } from './departures.ts';
import { afresh, begunWith, isSwitch, lowered, without } from './smaller.ts';

/**
 * A failing run made small: the same property is violated, by fewer CPUs, with fewer preemptions, by less chance, in fewer
 * points. What is left out is left out by trying: every candidate is run and kept if it still fails and is smaller.
 */

/** A smaller run, and where it fails. */
export interface Shrunk {
  /** As it was given, but for the size of the board. */
  readonly exploration: Exploration;
  /** Its machine; the last run on it is `found`, so its trace is there to be read. */
  readonly interleaver: Interleaver;
  readonly found: Interleaved;
  /** What the run does that a tame one would not. */
  readonly departures: readonly Departure[];
  readonly property: string;
  readonly before: RunSize;
  readonly after: RunSize;
  /** Runs it took. */
  readonly runs: number;
}

/** What shrinking may cost. */
export interface ShrinkBudget {
  readonly runs: number;
  /** Random schedules on each smaller board, before it counts as good. */
  readonly seedsPerBoard: number;
}

export const SHRINK_BUDGET: ShrinkBudget = { runs: 5000, seedsPerBoard: 100 };

/**
 * Shrinks `found`, a run of `exploration` that violated a property. The same input gives the same result. Throws a RangeError
 * for a run that violated nothing, and `Diverged` for a run of something else.
 */
export function shrink(exploration: Exploration, found: Interleaved, budget = SHRINK_BUDGET): Shrunk {
  const property = found.violations[0]?.property;
  if (property === undefined) throw new RangeError('a run that violated nothing cannot be shrunk');
  const search = searchFor(property, budget);
  const given = search.put(exploration, interleaverOf(exploration), () => replaying(found.decisions));
  if (given === undefined) throw new RangeError(`the run does not violate '${property}'`);
  let best = byDepartures(search, onFewerCpus(search, given, budget.seedsPerBoard));
  for (let before: Failing | undefined; before !== best; ) {
    before = best;
    const fewer = onFewerCpus(search, best, 0); // what is left may carry over where the whole did not
    best = fewer !== best ? byDepartures(search, fewer) : byFewerSwitches(search, best);
  }
  const { interleaver } = best;
  const again = interleaver.run(replaying(best.found.decisions));
  const { departures } = best;
  return {
    exploration: best.exploration,
    interleaver,
    found: again,
    departures,
    property,
    before: given.size,
    after: best.size,
    runs: search.spent(),
  };
}

/** A run that fails. */
interface Failing {
  readonly exploration: Exploration;
  readonly interleaver: Interleaver;
  readonly found: Interleaved;
  readonly departures: readonly Departure[];
  readonly places: readonly Place[];
  readonly size: RunSize;
}

/** Somebody who decides a run on a machine with these lanes. */
type By = (lanes: readonly Lane[]) => Decide | Steered;

/** Runs candidates, and counts them. */
interface Search {
  readonly budget: ShrinkBudget;
  readonly spent: () => number;
  /** Undefined: the run did not violate the property. */
  readonly put: (exploration: Exploration, interleaver: Interleaver, by: By) => Failing | undefined;
  /** Whether it violates anything or not: what a run comes by. */
  readonly placesOf: (interleaver: Interleaver, by: By) => readonly Place[];
}

function searchFor(property: string, budget: ShrinkBudget): Search {
  let spent = 0;
  const runBy = ({ lanes, run }: Interleaver, by: By) => {
    spent++;
    const who = by(lanes);
    const account = 'decide' in who ? accountOf(lanes, who.decide, who.acted) : accountOf(lanes, who);
    return { account, found: run(account.decide, account.acted) };
  };
  return {
    budget,
    spent: () => spent,
    placesOf: (interleaver, by) => runBy(interleaver, by).account.places(),
    put(exploration, interleaver, by) {
      const { account, found } = runBy(interleaver, by);
      if (found.violations[0]?.property !== property) return undefined;
      return {
        exploration,
        interleaver,
        found,
        departures: account.departures(),
        places: account.places(),
        size: account.size(),
      };
    },
  };
}

const by =
  (departures: readonly Departure[]): By =>
  (lanes) =>
    departing(departures, lanes);

/** Nobody has done anything, and CPU 0 would. */
const BEGINNING: Place = { cpu: 0, phase: 0, point: 0 };

/** The smallest board on which a tame run, the given departures or one of some random schedules fails. */
function onFewerCpus(search: Search, given: Failing, seeds: number): Failing {
  const { board } = given.exploration;
  for (let cpus = kindsOf(board); cpus < board.cpus.length; cpus++) {
    const resized = resizeBoard(board, { cpus });
    if (!resized.ok) continue;
    const { charts: _, ...unjudged } = given.exploration; // the charts of a board fit no smaller one
    const exploration = { ...unjudged, board: resized.board };
    const interleaver = interleaverOf(exploration);
    for (const who of candidates(given.departures, board, resized.board, seeds)) {
      if (search.spent() >= search.budget.runs) return given;
      const failing = search.put(exploration, interleaver, who);
      if (failing !== undefined) return failing;
    }
  }
  return given;
}

/** Departures are carried over by number and by kind of CPU: a program may belong to either. */
function* candidates(departures: readonly Departure[], from: Board, to: Board, seeds: number): Generator<By> {
  yield by([]);
  yield by(renumbered(departures, new Map(to.cpus.map((_, id) => [id, id]))));
  yield by(renumbered(departures, alike(from, to)));
  for (let seed = 1; seed <= seeds; seed++) yield () => randomly(seed);
}

/** CPUs that the board needs to stay as mixed as it is. */
function kindsOf(board: Board): number {
  return new Set(board.cpus.map((model, id) => kindOf(board, model, id))).size;
}

function kindOf({ lateCpus }: Board, model: CpuModel, id: number): string {
  return `${lateCpus.includes(id)} ${JSON.stringify(model)}`;
}

/** The CPUs of the larger board that the smaller one still has, and their new numbers. */
function alike(from: Board, to: Board): Map<number, number> {
  const left = from.cpus.map((model, id) => ({ id, kind: kindOf(from, model, id) }));
  const numbers = new Map<number, number>();
  to.cpus.forEach((model, id) => {
    const at = left.findIndex(({ kind }) => kind === kindOf(to, model, id));
    if (at >= 0) numbers.set(left.splice(at, 1)[0]!.id, id);
  });
  return numbers;
}

/** The departures of CPUs that have a new number, under that. */
function renumbered(departures: readonly Departure[], numbers: ReadonlyMap<number, number>): Departure[] {
  const moved = new Map<Departure, Departure>();
  for (const one of departures) {
    const cpu = numbers.get(one.at.cpu);
    if (cpu === undefined) continue;
    if (one.kind === 'turn') {
      const actor = numbers.get(cpuOfActor(one.actor));
      if (actor !== undefined)
        moved.set(one, { ...one, at: { ...one.at, cpu }, actor: actor * ACTS + actOf(one.actor) });
    } else if (one.during === undefined || moved.has(one.during)) {
      const during = one.during && moved.get(one.during);
      moved.set(one, { ...one, at: { ...one.at, cpu }, during: during?.kind === 'turn' ? during : undefined });
    }
  }
  return [...moved.values()];
}

/** Takes departures away while the run still fails and gets smaller, until none can be spared. */
function byDepartures(search: Search, given: Failing): Failing {
  let best = given;
  const smaller = (departures: readonly Departure[]): boolean => {
    const candidate = ifSmaller(search, best, departures);
    best = candidate ?? best;
    return candidate !== undefined;
  };
  for (let before: Failing | undefined; before !== best; ) {
    before = best;
    for (const is of KINDS) smaller(minus(best.departures, new Set(best.departures.filter(is))));
    for (const is of KINDS.slice(1))
      without(
        () => best.departures.filter(is),
        (gone) => smaller(minus(best.departures, gone)),
      );
    lowered(() => best.departures, smaller);
  }
  return best;
}

/** Fewer switches at other places, where there is more than one; what comes of that is a new beginning. */
function byFewerSwitches(search: Search, given: Failing): Failing {
  let best = given;
  if (given.size.preemptions <= 1) return given;
  const { departures, places, size, interleaver } = given;
  const take = (some: readonly Departure[]): boolean => {
    const candidate = ifSmaller(search, given, some);
    best = candidate ?? best;
    return candidate !== undefined || search.spent() >= search.budget.runs;
  };
  afresh(departures, places, size.cpus, take);
  if (best === given)
    begunWith(departures, BEGINNING, size.cpus, (some) => search.placesOf(interleaver, by(some)), take);
  return best === given ? given : byDepartures(search, best);
}

function ifSmaller(search: Search, best: Failing, departures: readonly Departure[]): Failing | undefined {
  if (search.spent() >= search.budget.runs) return undefined;
  const candidate = search.put(best.exploration, best.interleaver, by(departures));
  return candidate !== undefined && isSmaller(candidate, best) ? candidate : undefined;
}

/** All; switches; what the hardware does by itself; how chance falls. */
const KINDS: readonly ((one: Departure) => boolean)[] = [
  () => true,
  isSwitch,
  (one) => one.kind === 'turn' && isByItself(one),
  ({ kind }) => kind === 'fall',
];

/** Acts that go take what chance did in them along. */
function minus(departures: readonly Departure[], gone: ReadonlySet<Departure>): Departure[] {
  return departures.filter((one) => !gone.has(one) && !(one.kind === 'fall' && one.during && gone.has(one.during)));
}

function isSmaller(one: Failing, other: Failing): boolean {
  const a = measure(one);
  const b = measure(other);
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}

/** What counts as small, what matters most first. Of equals, that with the lower answers. */
function measure({ size, departures }: Failing): number[] {
  const { cpus, preemptions, switches, chances, hardwareActs, points } = size;
  const answers = departures.reduce((sum, one) => sum + (one.kind === 'fall' ? one.answer : one.actor), 0);
  return [cpus, preemptions, chances + hardwareActs, switches, points, answers];
}
