import { workerData } from 'node:worker_threads';
import { loadScenario } from '../thread/scenario-loader.ts';
import { explorerOf } from './exploration.ts';
import { type Range, type RangeResult, rangeRunner } from './range.ts';
import { type SearchPlan, WORD_BEATS, WORD_ENDS_BEFORE } from './search-plan.ts';
import { STRATEGIES } from './strategies.ts';

/** A worker of the pool: builds the machine when it is first asked, then runs one range after the other. */

/** A range, and which of the jobs it is for. */
export interface SearchTask extends Range {
  readonly job: number;
}

let runner: ReturnType<typeof rangeRunner> | undefined;

async function build({ exploration, strategy, options, keepGoing }: SearchPlan): Promise<typeof runner> {
  const interleaver = explorerOf(exploration, await loadScenario(exploration.reference));
  const { parametersOf, make } = STRATEGIES[strategy];
  const parameters = parametersOf(options, interleaver);
  return rangeRunner(interleaver, { strategy: make(interleaver, options.seed, parameters), parameters }, keepGoing);
}

export default async function searchRange({ job, from, to }: SearchTask): Promise<RangeResult> {
  const plan = workerData as SearchPlan;
  runner ??= await build(plan);
  return runner!(
    { from, to },
    {
      endsBefore: () => Atomics.load(plan.words, WORD_ENDS_BEFORE),
      beat: () => Atomics.add(plan.words, WORD_BEATS + job, 1),
    },
  );
}
