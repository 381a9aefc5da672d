import { ACTS, actOf, cpuOfActor, type Decide, STEP } from '../decide.ts';
import type { Acted } from '../interleaver.ts';
import type { Lane } from '../lane.ts';
import {
  type Departure,
  isByItself,
  type Place,
  type Standing,
  type Steered,
  standingOf,
  type Turn,
} from './departures.ts';

/** How large a run is. */
export interface RunSize {
  /** CPUs of the board. */
  readonly cpus: number;
  /** Switches away from a CPU that could have gone on. */
  readonly preemptions: number;
  /** All switches: a step of another CPU than took the step before. Those that are no preemptions the protocol forces. */
  readonly switches: number;
  /** Answers of chance other than the tame one. */
  readonly chances: number;
  /** Stores that the hardware let go, and walks that it made, by itself. */
  readonly hardwareActs: number;
  readonly points: number;
}

/** Passes questions on to whoever decides one run, and keeps account of it. */
export interface Account extends Steered {
  /** What the run so far did that a tame run would not, in order. */
  readonly departures: () => readonly Departure[];
  /** Where the CPU that went last stood after each point. */
  readonly places: () => readonly Place[];
  /** The size of the run so far. */
  readonly size: () => RunSize;
}

/** `lanes`: the machine's, at the start of the run. `told`: also wants to know who acted. */
export function accountOf(lanes: readonly Lane[], inner: Decide, told?: Acted): Account {
  const departures: Departure[] = [];
  const places: Place[] = [];
  const standing = standingOf(lanes);
  let couldGoOn = false;
  let now: Turn | undefined;
  let points = 0;
  let preemptions = 0;
  let switches = 0;
  let hardwareActs = 0;
  return {
    decide: {
      next(ready) {
        const answer = inner.next(ready);
        couldGoOn = ready.actors[0] === standing.last() * ACTS + STEP;
        now = answer === 0 ? undefined : turn(standing, ready.actors[answer]!);
        if (now !== undefined) departures.push(now);
        return answer;
      },
      chance(bound, chance, cpu) {
        const nth = standing.nth(chance);
        const answer = inner.chance(bound, chance, cpu);
        const during = isByItself(now) ? now : undefined;
        if (answer !== 0) departures.push({ kind: 'fall', during, at: standing.of(cpu), chance, nth, answer });
        return answer;
      },
    },
    acted(actor, point) {
      if (actOf(actor) !== STEP) hardwareActs++;
      else if (cpuOfActor(actor) !== standing.last() && points > 0) {
        switches++;
        if (couldGoOn) preemptions++;
      }
      couldGoOn = false;
      now = undefined;
      points = point;
      standing.acted(actor, point);
      if (actOf(actor) === STEP) places.push(standing.of(standing.last()));
      told?.(actor, point);
    },
    departures: () => departures,
    places: () => places,
    size() {
      const chances = departures.filter(({ kind }) => kind === 'fall').length;
      return { cpus: lanes.length, preemptions, switches, chances, hardwareActs, points };
    },
  };
}

function turn(standing: Standing, actor: number): Turn {
  return { kind: 'turn', at: standing.of(standing.last()), actor, stood: standing.of(cpuOfActor(actor)) };
}
