import { seededChooser, seedOf } from '../../hardware/chooser.ts';
import { cpuOfActor, type Decide } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import { TAME } from '../replay.ts';
import type { Strategy } from './search.ts';

/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatti: A Randomized Scheduler with Probabilistic
 * Guarantees of Finding Bugs, ASPLOS 2010): CPUs have priorities in a random order, the first that can go on does, and at
 * d - 1 random steps whoever would go on falls behind. A bug that takes d orderings between CPUs is met by one schedule with
 * a probability of at least 1 / (n k^(d-1)).
 */
export interface Pct {
  readonly seed: number;
  /** n. */
  readonly cpus: number;
  /** d. */
  readonly depth: number;
  /** k: how often a CPU is chosen in one run. The bound holds for runs that are no longer. */
  readonly steps: number;
}

/** One act in this many is the hardware's own, as when all chance is uniform. */
const BY_ITSELF = 4;

export function pct(settings: Pct): Strategy {
  return { name: 'pct', decide: (index) => byPriorities(settings, seedOf(settings.seed, index)) };
}

/** At least this likely is a schedule to meet a bug of that depth, as far as CPUs alone are concerned. */
export function pctBound({ cpus, depth, steps }: Omit<Pct, 'seed'>): number {
  return 1 / (cpus * steps ** (depth - 1));
}

/** k as a first run has it, in which nothing happens that need not. */
export function stepsOf(interleaver: Interleaver): number {
  let steps = 0;
  const counting: Decide = {
    ...TAME,
    next: () => {
      steps++;
      return 0;
    },
  };
  interleaver.run(counting);
  return Math.max(1, steps);
}

/** One schedule. What the hardware does by itself, and all other chance, is drawn uniformly. */
function byPriorities({ cpus, depth, steps }: Pct, seed: number): Decide {
  const choose = seededChooser(seed);
  const draw = (bound: number): number => choose(2 ** 31, 'noise') % bound;
  // d and up to begin with; change i gives i.
  const priorities = shuffled(cpus, draw).map((place) => place + depth - 1);
  const changes = Array.from({ length: depth - 1 }, () => draw(steps));
  let step = 0;
  let lowest = 1;
  let running = -1;
  let since = 0;
  return {
    next({ actors, cpus: ready, count }) {
      const chance = draw(2 ** 31);
      if (count > ready && chance % BY_ITSELF === 0) return ready + (Math.floor(chance / BY_ITSELF) % (count - ready));
      for (const [i, change] of changes.entries())
        if (change === step) priorities[cpuOfActor(actors[first(actors, ready)]!)] = i + 1;
      step++;
      let at = first(actors, ready);
      // Whoever has gone on for as long as a whole run takes is waiting for somebody in a loop.
      if (running === cpuOfActor(actors[at]!) && step - since > steps) {
        priorities[running] = --lowest;
        at = first(actors, ready);
      }
      const cpu = cpuOfActor(actors[at]!);
      if (cpu !== running) since = step;
      running = cpu;
      return at;
    },
    chance: choose,
  };

  /** Where in `actors` the CPU of the highest priority is. */
  function first(actors: Int32Array, ready: number): number {
    let best = 0;
    for (let at = 1; at < ready; at++)
      if (priorities[cpuOfActor(actors[at]!)]! > priorities[cpuOfActor(actors[best]!)]!) best = at;
    return best;
  }
}

/** 1 to `count`, in random order. */
function shuffled(count: number, draw: (bound: number) => number): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  for (let i = count - 1; i > 0; i--) {
    const j = draw(i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}
