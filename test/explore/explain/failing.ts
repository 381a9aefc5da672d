import { type Shrunk, shrink } from '../../../src/explore/explain/shrink.ts';
import { type Exploration, interleaverOf } from '../../../src/explore/interleaver.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';

/** The first random schedule that violates something, made small. */
export function failing(exploration: Exploration): Shrunk {
  const { run } = interleaverOf(exploration);
  for (let seed = 1; seed < 5000; seed++) {
    const found = run(randomly(seed));
    if (found.verdict === 'violated') return shrink(exploration, found);
  }
  throw new Error('nothing fails');
}
