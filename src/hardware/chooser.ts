/**
 * All chance of the simulated hardware goes through one door: `choose(bound)` answers an integer in [0, bound). On
 * threads the door is a seeded generator per CPU; under a scheduler it is part of the schedule. By convention 0 is the
 * tame answer (nothing happens, the first one), so that smaller schedules are calmer ones.
 */
export type Choose = (bound: number, kind: Chance) => number;

/** What is left to chance. */
export type Chance =
  | 'evict'
  | 'drain'
  | 'speculate'
  | 'walk-cache'
  | 'deliver'
  | 'conflict'
  | 'winner'
  | 'visibility'
  | 'context-sync'
  /** Whether an instruction is executed as it was before it was changed. */
  | 'fetch'
  | 'allocation'
  | 'interrupt'
  | 'noise'
  /** Which of many places that are alike: an exhaustive search takes the first. */
  | 'place'
  | 'program';

/** The bound of a question for as many bits as an answer can have. */
export const NOISE = 2 ** 31;

/** xorshift32 over a non-zero 32-bit state; the same seed gives the same answers. */
export function seededChooser(seed: number): Choose {
  let state = mix(seed) || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // The same, and much cheaper where the remainder would be one of floating-point numbers.
    if (bound === NOISE) return state & (NOISE - 1);
    return ((state >>> 0) % (bound >>> 0)) | 0; // unsigned words in and out, for the same reason
  };
}

/** One seed out of several numbers: neighbouring inputs give unrelated seeds. */
export function seedOf(...parts: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) hash = mix(hash ^ mix(part | 0) ^ mix(Math.floor(part / 2 ** 32) | 0));
  return hash >>> 0;
}

function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
