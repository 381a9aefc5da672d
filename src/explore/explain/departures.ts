import type { Chance } from '../../hardware/chooser.ts';
import { marksSince } from '../../hardware/memory/mark-log.ts';
import { actOf, cpuOfActor, type Decide, STEP } from '../decide.ts';
import type { Acted } from '../interleaver.ts';
import type { Lane } from '../lane.ts';

/**
 * A run told by what it does that a tame run would not. Each departure is addressed by how far a CPU has come, not by how many
 * decisions were made before it: when one is taken away, the others still mean the same.
 */
export type Departure = Turn | Fall;

/**
 * How far a CPU has come: how many programs it has begun and milestones it has marked, and its points since. How often it has
 * looked at a word before is forgotten at the next of them.
 */
export interface Place {
  readonly cpu: number;
  readonly phase: number;
  readonly point: number;
}

/**
 * When the CPU that went last had come to `at`, `actor` acted, and not whoever would have by itself. Several at one place
 * happen one after the other.
 */
export interface Turn {
  readonly kind: 'turn';
  readonly at: Place;
  readonly actor: number;
  /** How far the actor's own CPU had come. */
  readonly stood: Place;
}

/** Chance fell on the CPU at `at`: the `nth` question of `chance` in one act was answered by `answer`, which is not 0. */
export interface Fall {
  readonly kind: 'fall';
  /** The act of the hardware by itself that it was part of; undefined: the CPU's own step. */
  readonly during: Turn | undefined;
  readonly at: Place;
  readonly chance: Chance;
  readonly nth: number;
  readonly answer: number;
}

/** Somebody who decides a run and has to be told of each act. */
export interface Steered {
  readonly decide: Decide;
  readonly acted: Acted;
}

/** How far everybody has come in a run. */
export interface Standing {
  /** The CPU that went last. */
  readonly last: () => number;
  readonly of: (cpu: number) => Place;
  /** How many questions of this kind the present act has asked before this one. */
  readonly nth: (chance: Chance) => number;
  /** To be told of each act. */
  readonly acted: Acted;
}

/** `lanes`: the machine's, at the start of the run. */
export function standingOf(lanes: readonly Lane[]): Standing {
  const { markLog } = lanes[0]!.cpu;
  const places = lanes.map((_, cpu) => ({ cpu, phase: 0, point: 0 }));
  const begun = lanes.map(() => -1);
  const asked = new Map<Chance, number>();
  let last = 0;
  let marks = -1;
  return {
    last: () => last,
    of: (cpu) => ({ ...places[cpu]! }),
    nth(chance) {
      const nth = asked.get(chance) ?? 0;
      asked.set(chance, nth + 1);
      return nth;
    },
    acted(actor) {
      asked.clear();
      if (actOf(actor) !== STEP) return;
      last = cpuOfActor(actor);
      const place = places[last]!;
      const before = place.phase;
      const { next } = marksSince(markLog, Math.max(0, marks));
      if (marks >= 0) place.phase += next - marks; // those before the run began are nobody's
      marks = next;
      if (lanes[last]!.begun !== begun[last]) place.phase++;
      begun[last] = lanes[last]!.begun;
      place.point = place.phase === before ? place.point + 1 : 0;
    },
  };
}

/** A tame run but for the departures, where they can still be had. */
export function departing(departures: readonly Departure[], lanes: readonly Lane[]): Steered {
  const turns = new Map<string, Turn[]>();
  const falls = new Map<string, Fall[]>();
  const during = new Map<Turn, Fall[]>();
  for (const one of departures) {
    if (one.kind === 'turn') add(turns, keyOf(one.at), one);
    else if (one.during === undefined) add(falls, keyOf(one.at), one);
    else add(during, one.during, one);
  }
  const standing = standingOf(lanes);
  let taken = 0;
  let now: Turn | undefined;
  return {
    decide: {
      next({ actors, count }) {
        const here = turns.get(keyOf(standing.of(standing.last()))) ?? [];
        while (taken < here.length) {
          const turn = here[taken++]!;
          const index = actors.subarray(0, count).indexOf(turn.actor);
          if (index < 0) continue;
          now = turn;
          return index;
        }
        return 0;
      },
      chance(bound, chance, cpu) {
        const nth = standing.nth(chance);
        const here = isByItself(now) ? during.get(now) : falls.get(keyOf(standing.of(cpu)));
        const answer = here?.find((fall) => fall.chance === chance && fall.nth === nth)?.answer ?? 0;
        return answer < bound ? answer : 0;
      },
    },
    acted(actor, points) {
      now = undefined;
      if (actOf(actor) === STEP) taken = 0;
      standing.acted(actor, points);
    },
  };
}

/** The hardware acts, and no program. */
export function isByItself(turn: Turn | undefined): turn is Turn {
  return turn !== undefined && actOf(turn.actor) !== STEP;
}

function keyOf({ cpu, phase, point }: Place): string {
  return `${cpu} ${phase} ${point}`;
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
