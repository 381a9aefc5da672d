import { seededChooser, seedOf } from '../../hardware/chooser.ts';
import { actOf, cpuOfActor, type Decide, STEP } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import { randomly } from '../strategy/random.ts';
import { type Departure, departing, type Steered } from './departures.ts';
import type { Follower } from './spot.ts';

/** The schedules that a line has to pass which is put into a failing run. */

/** Those before it are the failing one. */
export const FIRST_RANDOM = 2;
/** Two in this many are near the failing one: random ones alone say little where failing is rare. */
const NEAR_TWO_IN = 4;
/** One in this many decisions of those is another. */
const OTHERWISE_ONE_IN = 8;

/**
 * Schedule `index`. 0 and 1 are the failing one: a CPU that is preempted where the line is put in has not come to it, or is
 * through with it. Of the others some are near these, the rest are random.
 */
export function trialSchedule(
  index: number,
  departures: readonly Departure[],
  interleaver: Interleaver,
  follower: Follower,
): Steered {
  const chance = randomly(seedOf(index));
  if (index >= FIRST_RANDOM && index % NEAR_TWO_IN > 1) return { decide: chance, acted() {} };
  const failing = beside(departing(departures, interleaver.lanes), interleaver, follower, index % 2 === 1);
  return index < FIRST_RANDOM ? failing : near(failing, chance, index);
}

/**
 * Keeps the steps of lines that were put in from counting: all else is where it was. `through`: who comes to such a line is
 * not there before it is through.
 */
function beside({ decide, acted }: Steered, { lanes }: Interleaver, follower: Follower, through: boolean): Steered {
  let held: (() => void) | undefined;
  return {
    decide,
    acted(actor, points) {
      const lane = lanes[cpuOfActor(actor)]!;
      if (actOf(actor) !== STEP) return acted(actor, points);
      if (through && held !== undefined && !follower.isDue(lane)) {
        held();
        held = undefined;
      }
      if (follower.wasInLine(lane)) return;
      if (through && held === undefined && follower.isDue(lane)) held = () => acted(actor, points);
      else acted(actor, points);
    },
  };
}

/** As `failing` decides, but for a decision now and then. */
function near({ decide, acted }: Steered, chance: Decide, seed: number): Steered {
  const draw = seededChooser(seedOf(seed, 1));
  return {
    decide: {
      next(ready) {
        const answer = decide.next(ready);
        return draw(OTHERWISE_ONE_IN, 'noise') === 0 ? chance.next(ready) : answer;
      },
      chance(bound, kind, cpu) {
        const answer = decide.chance(bound, kind, cpu);
        return draw(OTHERWISE_ONE_IN, 'noise') === 0 ? chance.chance(bound, kind, cpu) : answer;
      },
    },
    acted,
  };
}
