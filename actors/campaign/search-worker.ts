import { workerData } from 'node:worker_threads';
import { loadScenario } from '../thread/scenario-loader.ts';
import {
  checkPrograms,
  type Done,
  digestOfPlan,
  digestOfPrograms,
  NOTHING_DONE,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint-file.ts';
import { coveredExplorerOf, explorerOf } from './exploration.ts';
import { type Range, type RangeResult, rangeRunner } from './range.ts';
import { type SearchPlan, WORD_BEATS, WORD_ENDS_BEFORE } from './search-plan.ts';
import { STRATEGIES } from './strategies.ts';

/** A worker of the pool: builds the machine when it is first asked, then runs one range after the other. */

/** A range, and which of the jobs it is for. */
export interface SearchTask extends Range {
  readonly job: number;
}

type Runner = ReturnType<typeof rangeRunner>;
let runner: Runner | undefined;

async function build(plan: SearchPlan): Promise<Runner> {
  const { exploration, strategy, options, keepGoing, checkpointFile: file } = plan;
  const scenario = await loadScenario(exploration.reference);
  const { parametersOf, make, steers } = STRATEGIES[strategy];
  const { interleaver, collector } =
    plan.coverage || steers
      ? coveredExplorerOf(exploration, scenario)
      : { interleaver: explorerOf(exploration, scenario), collector: undefined };
  const parameters = parametersOf(options, interleaver);
  const saved = file === undefined ? undefined : readCheckpoint(file, plan);
  if (saved !== undefined) checkPrograms(file!, saved, interleaver);
  const decider = make(interleaver, options.seed, parameters, saved?.checkpoint, collector);
  const run = rangeRunner(interleaver, { strategy: decider, parameters, collector }, keepGoing);
  const { checkpoint } = decider;
  if (file === undefined || checkpoint === undefined) return run;
  const start = { asymmu: 'checkpoint 1', plan: digestOfPlan(plan), programs: digestOfPrograms(interleaver) } as const;
  return saving(run, saved?.done ?? NOTHING_DONE, (done) =>
    writeCheckpoint(file, { ...start, done, checkpoint: checkpoint() }),
  );
}

const SAVE_EVERY_MS = 10_000;

/** The same, and now and then, and where a range is broken off or finds something, what has been done is saved. */
function saving(run: Runner, before: Done, save: (done: Done) => void): Runner {
  let done = before;
  let savedAt = performance.now();
  return (range, leash) => {
    const result = run(range, leash);
    done = added(done, result);
    const broken = result.from + result.schedules < result.to || leash.endsBefore() <= result.to;
    if (!broken && result.found.length === 0 && performance.now() - savedAt < SAVE_EVERY_MS) return result;
    save(done);
    savedAt = performance.now();
    return result;
  };
}

function added(done: Done, { schedules, points, givenUp, cut, dangers }: RangeResult): Done {
  return {
    schedules: done.schedules + schedules,
    points: done.points + points,
    givenUp: done.givenUp + givenUp,
    cut: done.cut + cut,
    dangers: done.dangers.map((count, danger) => count + dangers[danger]!),
  };
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
