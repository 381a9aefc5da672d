import { type Cell, type Collector, collected } from '../../src/explore/coverage/coverage.ts';
import { novel } from '../../src/explore/strategy/novel.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import type { Strategy } from '../../src/explore/strategy/search.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { coveredExplorerOf, type ExplorationPlan } from './exploration.ts';

/** How many schedules it takes to fill so many cells of the coverage, with and without steering towards empty ones. */

const STEERED: Readonly<Record<'novel' | 'random', (seed: number, collector: Collector) => Strategy>> = {
  novel,
  random: (seed) => uniform(seed),
};
export const FILLERS = Object.keys(STEERED) as (keyof typeof STEERED)[];

/**
 * For each of `goals`, ascending: the schedules until so many cells of any kind have been met; Infinity where
 * `mostSchedules` do not do.
 */
export function schedulesToFill(
  plan: ExplorationPlan,
  scenario: Scenario,
  filler: keyof typeof STEERED,
  seed: number,
  goals: readonly number[],
  mostSchedules: number,
): number[] {
  const { interleaver, collector } = coveredExplorerOf(plan, scenario);
  const met = new Set<Cell>();
  const listening: Collector = {
    ...collector,
    listen: (told) =>
      collector.listen((cell) => {
        met.add(cell);
        told(cell);
      }),
  };
  listening.listen(() => {});
  const { decide, acted } = collected(STEERED[filler](seed, listening), collector);
  const reached: number[] = [];
  for (let index = 0; index < mostSchedules && reached.length < goals.length; index++) {
    interleaver.run(decide(index)!, acted);
    while (reached.length < goals.length && met.size >= goals[reached.length]!) reached.push(index + 1);
  }
  return goals.map((_, i) => reached[i] ?? Number.POSITIVE_INFINITY);
}
