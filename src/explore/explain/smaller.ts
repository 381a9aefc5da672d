import { ACTS, actOf, cpuOfActor, STEP } from '../decide.ts';
import { type Departure, isByItself, type Place, type Turn } from './departures.ts';

/** Ways to make a list of departures smaller. Each candidate is tried at once; whoever tries it says whether it is taken. */

/**
 * Delta debugging: takes away half of what there is, then quarters, down to single ones, the last first, for a run is least
 * disturbed at its end. `list`: what is left to take away; it may change whenever `take` says yes.
 */
export function without(list: () => readonly Departure[], take: (gone: ReadonlySet<Departure>) => boolean): void {
  for (let size = Math.ceil(list().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let kept = 0, now = list(); kept < now.length; now = list()) {
      const end = now.length - kept;
      const taken = take(new Set(now.slice(Math.max(0, end - size), end)));
      if (!taken) kept += size;
    }
}

/** Lower answers, one departure at a time: chance falls closer to the tame way, a CPU with a lower number acts. */
export function lowered(list: () => readonly Departure[], take: (departures: readonly Departure[]) => boolean): void {
  for (let at = 0; at < list().length; at++)
    for (let tried = 0; tried < MOST_TRIED; tried++) {
      const now = list();
      const one = now[at];
      const lower = one && lowerOf(one)[tried];
      if (one === undefined || lower === undefined) break;
      if (take(now.map((other) => exchanged(other, one, lower)))) tried = -1;
    }
}

const MOST_TRIED = 4;

function lowerOf(one: Departure): Departure[] {
  if (one.kind === 'fall') return below(one.answer, 1).map((answer) => ({ ...one, answer }));
  const act = actOf(one.actor);
  return below(cpuOfActor(one.actor), 0).map((cpu) => ({ ...one, actor: cpu * ACTS + act }));
}

/** Some numbers from `least` up to `value`, ascending. */
function below(value: number, least: number): number[] {
  const some = [least, least + 1, Math.floor(value / 2), value - 1];
  return [...new Set(some)].filter((number) => number >= least && number < value).sort((a, b) => a - b);
}

/** What chance did in an act is part of whatever the act becomes. */
function exchanged(other: Departure, one: Departure, lower: Departure): Departure {
  if (other === one) return lower;
  return other.kind === 'fall' && other.during === one && lower.kind === 'turn' ? { ...other, during: lower } : other;
}

/** A turn that a program's step takes, not the hardware. */
export function isSwitch(one: Departure): one is Turn {
  return one.kind === 'turn' && !isByItself(one);
}

/**
 * One switch instead of all of them, then instead of two, at each of `places`: several switches often only set the stage for
 * one that could have come from elsewhere. What the hardware does by itself stays, or comes as soon as its CPU is there. Ends
 * when `take` says yes.
 */
export function afresh(
  departures: readonly Departure[],
  places: readonly Place[],
  cpus: number,
  take: (departures: readonly Departure[]) => boolean,
): void {
  const switches = departures.filter(isSwitch);
  if (switches.length < 2) return;
  const pairs = switches.flatMap((one, i) => switches.slice(i + 1).map((other) => [one, other]));
  for (const gone of switches.length === 2 ? pairs : [switches, ...pairs])
    for (const base of bases(departures.filter((one) => !isSwitch(one) || !gone.includes(one))))
      for (const at of places)
        for (let cpu = 0; cpu < cpus; cpu++)
          if (cpu !== at.cpu && take([...base, { kind: 'turn', at, actor: cpu * ACTS + STEP, stood: at }])) return;
}

/**
 * Of two switches one at the beginning of the run, where it preempts nobody, and another one at each of the places that are come to
 * then. `placesOf`: of a run with these departures.
 */
export function begunWith(
  departures: readonly Departure[],
  beginning: Place,
  cpus: number,
  placesOf: (departures: readonly Departure[]) => readonly Place[],
  take: (departures: readonly Departure[]) => boolean,
): void {
  const switches = departures.filter(isSwitch);
  if (switches.length !== 2) return;
  for (const first of switches) {
    const base = [{ ...first, at: beginning }, ...departures.filter((one) => !isSwitch(one))];
    for (const at of placesOf(base))
      for (let cpu = 0; cpu < cpus; cpu++)
        if (cpu !== at.cpu && take([...base, { kind: 'turn', at, actor: cpu * ACTS + STEP, stood: at }])) return;
  }
}

/** As they are; and with each act of the hardware where its CPU goes last. */
function bases(departures: readonly Departure[]): (readonly Departure[])[] {
  const away = departures.filter((one): one is Turn => one.kind === 'turn' && isByItself(one) && one.at !== one.stood);
  if (away.every(({ at, stood }) => at.cpu === stood.cpu)) return [departures];
  const settled = away.reduce<readonly Departure[]>((all, one) => {
    const there = { ...one, at: one.stood };
    return all.map((other) => exchanged(other, one, there));
  }, departures);
  return [departures, settled];
}
