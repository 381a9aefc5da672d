import { seededChooser, seedOf } from '../../hardware/chooser.ts';
import type { Cell, Collector } from '../coverage/coverage.ts';
import type { Decide, Ready } from '../decide.ts';
import type { Strategy } from './search.ts';

/**
 * Random schedules that begin as rare ones did, as fuzzers steer towards code that they have not seen (AFLFast: Böhme, Pham,
 * Roychoudhury, CCS 2016). For each cell of the coverage the shortest beginning is kept that has come to it; a schedule
 * takes up the beginning of a cell that few schedules have met, leaves it a little before its end, and goes on by chance.
 */

/** One schedule in this many begins from nothing. */
const FRESH = 2;
/** As many cells are looked at, and the rarest of them is taken up. */
const CANDIDATES = 4;
/** A beginning is left up to 2 to this many decisions before it has come to its cell. */
const BACK_BITS = 7;
/** One act in so many is the hardware's own; each schedule draws one of these. */
const BY_ITSELF = [2, 4, 8, 16] as const;
/** In so many of eight turns a CPU that can go on does; each schedule draws one of these. */
const GOES_ON = [0, 4, 7] as const;

/** How a cell has been come to. */
interface Known {
  /** Schedules that came to it. */
  schedules: number;
  /** The decisions that led there, in the shortest way known. */
  beginning: readonly number[];
}

/** The collector must be told of the schedules, in their order: each depends on those before. */
export function novel(seed: number, { listen }: Collector): Strategy {
  const known: Known[] = [];
  const byCell = new Map<Cell, Known>();
  let answers: number[] = [];
  listen((cell) => {
    let one = byCell.get(cell);
    if (one === undefined) {
      one = { schedules: 0, beginning: answers.slice() };
      byCell.set(cell, one);
      known.push(one);
    } else if (answers.length < one.beginning.length) one.beginning = answers.slice();
    one.schedules++;
  });
  return {
    name: 'novel',
    decide(index) {
      const choose = seededChooser(seedOf(seed, index));
      const draw = (bound: number): number => choose(2 ** 31, 'noise') % bound;
      const beginning = known.length === 0 || draw(FRESH) === 0 ? [] : beginningOf(known, draw);
      answers = [];
      return going(beginning, answers, draw);
    },
  };
}

function beginningOf(known: readonly Known[], draw: (bound: number) => number): readonly number[] {
  let rarest = known[draw(known.length)]!;
  for (let i = 1; i < CANDIDATES; i++) {
    const other = known[draw(known.length)]!;
    if (other.schedules < rarest.schedules) rarest = other;
  }
  const { beginning } = rarest;
  return beginning.slice(0, Math.max(0, beginning.length - draw(2 ** draw(BACK_BITS + 1))));
}

/** Decides as the beginning does, then by chance, and writes all answers down. */
function going(beginning: readonly number[], answers: number[], draw: (bound: number) => number): Decide {
  const byItself = BY_ITSELF[draw(BY_ITSELF.length)]!;
  const goesOn = GOES_ON[draw(GOES_ON.length)]!;
  const given = (bound: number, otherwise: () => number): number => {
    const wish = beginning[answers.length];
    const answer = wish !== undefined && wish < bound ? wish : otherwise();
    answers.push(answer);
    return answer;
  };
  const whoever = ({ cpus, count }: Ready): number => {
    if (cpus === 0 || (count > cpus && draw(byItself) === 0)) return cpus + draw(count - cpus);
    return draw(8) < goesOn ? 0 : draw(cpus);
  };
  return {
    next: (ready) => (ready.count === 1 ? 0 : given(ready.count, () => whoever(ready))),
    chance: (bound) => given(bound, () => draw(bound)),
  };
}
