import { seededChooser } from '../hardware/chooser.ts';
import type { Decide } from './decide.ts';

/** Uniform chance everywhere: the same seed gives the same run. */
export function randomly(seed: number): Decide {
  const choose = seededChooser(seed);
  return {
    next: (ready) => choose(ready.length, 'noise'),
    chance: choose,
  };
}
