import { seededChooser, seedOf } from '../../hardware/chooser.ts';
import type { Decide } from '../decide.ts';
import type { Strategy } from './search.ts';

/** One act in this many is the hardware's own. */
const BY_ITSELF = 4;

/** Uniform chance everywhere: the same seed gives the same run. */
export function randomly(seed: number): Decide {
  const choose = seededChooser(seed);
  return {
    next({ cpus, count }) {
      const draw = choose(2 ** 31, 'noise');
      const rest = Math.floor(draw / BY_ITSELF);
      return cpus === 0 || (count > cpus && draw % BY_ITSELF === 0) ? cpus + (rest % (count - cpus)) : rest % cpus;
    },
    chance: choose,
  };
}

/** Schedule `index` of `seed` is decided by a seed of its own. */
export function uniform(seed: number): Strategy {
  return { name: 'random', decide: (index) => randomly(seedOf(seed, index)) };
}
