import { uniform } from '../../src/explore/strategy/random.ts';
import { type Searched, search } from '../../src/explore/strategy/search.ts';
import { loadScenario } from '../thread/scenario-loader.ts';
import { type ExplorationPlan, explorerOf } from './exploration.ts';

/** A worker of the pool: explores one configuration after the other, at random, up to the first violation. */

export interface CellTask {
  readonly plan: ExplorationPlan;
  readonly seed: number;
  readonly schedules: number;
}

export default async function explored({ plan, seed, schedules }: CellTask): Promise<Searched> {
  const scenario = await loadScenario(plan.reference);
  return search(explorerOf(plan, scenario), uniform(seed), 0, schedules);
}
