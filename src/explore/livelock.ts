import { type Loop, livelockViolation } from '../check/progress/progress.ts';
import type { Violation } from '../check/violation.ts';
import type { Point } from '../hardware/op.ts';
import { actOf, CUT, cpuOfActor, type Decide, type Ready, SPECULATE, STEP } from './decide.ts';
import type { Interleaver } from './interleaver.ts';
import { type Lane, stuck } from './lane.ts';
import { machineHash } from './machine-hash.ts';

/** So often the same state must have come, and nothing else since: whoever loops may be counting where nobody sees it. */
const OFTEN = 16;

/** One step of a CPU: what it stood before. */
interface Step {
  readonly cpu: number;
  readonly kind: Point['kind'] | 'start';
  readonly address: number;
  readonly reason: string;
}

/**
 * Lets a run that nobody wants to follow any longer go on as fairly as can be: all take turns, every store leaves, every
 * message arrives, every interrupt is taken at once. If it then goes in a circle to the end, through the same states over and
 * over, no patience would have helped: a livelock.
 *
 * That is proof but for one thing: what a program keeps in variables of its own is not part of the state (machine-hash.ts).
 * A loop that counts its tries is left alone if it ends while it is watched. Programs that throw dice are never accused.
 *
 * `goOn` lets it go on for as long as anybody wants to watch; false: it came to an end before.
 */
export function livelockOf(
  { machine, lanes }: Pick<Interleaver, 'machine' | 'lanes'>,
  goOn: (turns: Decide) => boolean,
): Violation | undefined {
  /** By round, one turn of everybody: what they did. `keys`: in short. */
  const rounds: Step[][] = [[]];
  const keys: string[] = [];
  const places = new Map<string, number>();
  let last = -1;
  /** The last `alike` rounds are what those `period` rounds before them were. */
  let period = 0;
  let alike = 0;
  /** The state at the last round that began a circle, and how often it has come in a row. */
  let state = 0;
  let times = 0;
  let dice = false;

  const turns: Decide = {
    always: true,
    next(ready) {
      if (dice) return CUT;
      const { index, around } = nextInTurn(ready, last);
      if (around && last >= 0) endRound();
      last = ready.actors[index]!;
      if (actOf(last) === STEP) rounds.at(-1)!.push(stepOf(lanes[cpuOfActor(last)]!));
      return index;
    },
    chance(_bound, kind) {
      if (kind === 'program') dice = true;
      return 0;
    },
  };
  if (!goOn(turns) || dice || times < OFTEN) return undefined;
  const loops = loopsOf(rounds.slice(-1 - period, -1).flat());
  const looping = new Set(loops.map(({ cpu }) => cpu));
  const others = lanes.filter(({ cpu }) => !looping.has(cpu.id));
  return livelockViolation(loops, others.map(stuck), times);

  /** States are compared once in a circle, and only where the steps already go in one: most runs are merely long. */
  function endRound(): void {
    const key = JSON.stringify(rounds.at(-1)!.map((step) => Object.values(step)));
    const now = keys.length;
    if (period > 0 && keys[now - period] === key) alike++;
    else {
      period = now - (places.get(key) ?? now);
      alike = 0;
      times = 0;
    }
    if (period > 0 && alike >= period && alike % period === 0) {
      const before = state;
      state = machineHash(machine, lanes);
      times = state === before ? times + 1 : 0;
    }
    keys.push(key);
    places.set(key, now);
    rounds.push([]);
  }
}

/** Whoever comes after `last`, by number; walks that nobody asked for have no turn. */
function nextInTurn({ actors, count }: Ready, last: number): { readonly index: number; readonly around: boolean } {
  let after = -1;
  let first = -1;
  for (let index = 0; index < count; index++) {
    const actor = actors[index]!;
    if (actOf(actor) === SPECULATE) continue;
    if (actor > last && (after < 0 || actor < actors[after]!)) after = index;
    if (first < 0 || actor < actors[first]!) first = index;
  }
  return after >= 0 ? { index: after, around: false } : { index: first, around: true };
}

function stepOf({ cpu, at }: Lane): Step {
  if (at === undefined) return { cpu: cpu.id, kind: 'start', address: 0, reason: '' };
  return { cpu: cpu.id, kind: at.kind, address: at.address, reason: at.kind === 'wait' ? at.reason : '' };
}

/** By CPU: the smallest circle that its steps go round in. */
function loopsOf(steps: readonly Step[]): Loop[] {
  return [...Map.groupBy(steps, ({ cpu }) => cpu)]
    .sort(([a], [b]) => a - b)
    .map(([cpu, own]) => ({ cpu, over: own.slice(0, periodOf(own)) }));
}

function periodOf(steps: readonly Step[]): number {
  const alike = (a: Step, b: Step): boolean => a.kind === b.kind && a.address === b.address && a.reason === b.reason;
  for (let period = 1; period < steps.length; period++)
    if (steps.length % period === 0 && steps.every((step, at) => alike(step, steps[at % period]!))) return period;
  return steps.length;
}
