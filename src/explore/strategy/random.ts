import { NOISE, seededChooser, seedOf } from '../../hardware/chooser.ts';
import type { Decide } from '../decide.ts';
import type { Strategy } from './search.ts';

/** One act in four is the hardware's own: those for which so many bits of a draw are 0. */
const BY_ITSELF_BITS = 2;

/** Uniform chance everywhere: the same seed gives the same run. */
export function randomly(seed: number): Decide {
  const choose = seededChooser(seed);
  return {
    next({ cpus, count }) {
      const draw = choose(NOISE, 'noise');
      const rest = draw >> BY_ITSELF_BITS;
      const byItself = (draw & ((1 << BY_ITSELF_BITS) - 1)) === 0;
      return cpus === 0 || (count > cpus && byItself) ? cpus + (rest % (count - cpus)) : rest % cpus;
    },
    chance: choose,
  };
}

/** Schedule `index` of `seed` is decided by a seed of its own. */
export function uniform(seed: number): Strategy {
  return { name: 'random', decide: (index) => randomly(seedOf(seed, index)) };
}
