import { seededChooser } from '../hardware/chooser.ts';
import type { Decide } from './decide.ts';

/**
 * How a machine is brought to the start of its runs: one CPU after the other and nothing by chance, except where programs
 * themselves choose: what a CPU touches while it comes up decides what its TLB holds when the protocol begins.
 */
export function broughtUpBy(): Decide {
  const choose = seededChooser(1);
  return { next: () => 0, chance: (bound, kind) => (kind === 'program' ? choose(bound, kind) : 0) };
}
