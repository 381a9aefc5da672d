import { expect, test } from 'vitest';
import { collected } from '../../../src/explore/coverage/coverage.ts';
import { novel } from '../../../src/explore/strategy/novel.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import type { Strategy } from '../../../src/explore/strategy/search.ts';
import { repaint } from '../../../src/scenario/repaint/repaint.ts';
import { type Covered, covered, oneBlock } from '../covered.ts';

/** How many different cells so many schedules come to. */
function filled(make: (covered: Covered) => Strategy, schedules: number): number {
  const subject = covered(repaint, { board: oneBlock(4) });
  const { decide, acted } = collected(make(subject), subject.collector);
  for (let index = 0; index < schedules; index++) subject.interleaver.run(decide(index)!, acted);
  const { taken, refused, situations } = subject.collector.take();
  return taken.length + refused.length + situations.length;
}

test('steering fills more cells than uniform chance, once the common ones are filled', () => {
  const seeds = [1, 2, 3, 4];
  const steered = seeds.map((seed) => filled(({ collector }) => novel(seed, collector), 2000));
  const drawn = seeds.map((seed) => filled(() => uniform(seed), 2000));
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  expect(sum(steered)).toBeGreaterThan(sum(drawn));
  expect(seeds.filter((_, i) => steered[i]! < drawn[i]!)).toEqual([]);
});
