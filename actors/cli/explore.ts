import { coverableOf } from '../campaign/exploration.ts';
import type { FoundRun } from '../campaign/range.ts';
import { searchOnPool } from '../campaign/search-pool.ts';
import { resolvedLines } from './configuration/configuration.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { explorationProblem } from './explore/exploration-problem.ts';
import { boardNote } from './explore/explore-configuration.ts';
import { exploreDocument } from './explore/explore-document.ts';
import { asFound, madeSmall, type ShownFound } from './explore/explore-found.ts';
import { exploreProgress } from './explore/explore-progress.ts';
import { exploreReport, requestSettings, verdictOf } from './explore/explore-report.ts';
import { type ExploreOptions, requested } from './explore/explore-request.ts';
import { interrupted } from './terminal/interrupted.ts';
import { styleFor } from './terminal/style.ts';
import { wrap } from './terminal/wrap.ts';

/** `asymmu explore`: schedule after schedule of one scenario in one thread each. Returns the exit code. */
export async function explore(name: string, options: ExploreOptions): Promise<number> {
  const request = await requested(name, options);
  const { explored } = request;
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of resolvedLines(requestSettings(request), style.width)) say(line);
  const note = boardNote(explored);
  for (const line of note === undefined ? [] : wrap(note, style.width - 2)) say(`  ${line}`);
  const progress = exploreProgress(options.json ? process.stderr : process.stdout, request);
  const stop = interrupted();
  try {
    const result = await searchOnPool({
      exploration: explored.plan,
      strategy: request.strategy,
      options: request.options,
      keepGoing: request.keepGoing,
      coverage: request.coverage,
      ...(request.checkpointFile === undefined ? {} : { checkpointFile: request.checkpointFile }),
      schedules: request.schedules,
      ...(request.forMs === undefined ? {} : { forMs: request.forMs }),
      jobs: request.jobs,
      signal: stop.signal,
      onProgress: progress.show,
    });
    const shown: ShownFound[] = [];
    for (const found of firstOfEach(result.found)) {
      const whole = asFound(request, result.parameters, found);
      shown.push(
        request.shrink && !stop.signal.aborted ? await madeSmall(request, whole, stop.signal, progress.say) : whole,
      );
    }
    const wanted = request.coverage && result.hung === undefined;
    if (wanted) progress.say('compiling the charts');
    const coverable = wanted ? coverableOf(explored.plan, explored.scenario) : undefined;
    progress.clear();
    const outcome = { result, shown, coverable };
    if (options.json) process.stdout.write(`${JSON.stringify(exploreDocument(request, outcome), null, 2)}\n`);
    else for (const line of exploreReport(request, outcome, style)) say(line);
    return EXIT[verdictOf(request, result)];
  } catch (thrown) {
    progress.clear();
    throw explorationProblem(explored, thrown);
  } finally {
    stop.dispose();
  }
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;

/** The first run of each property that was violated. */
function firstOfEach(found: readonly FoundRun[]): FoundRun[] {
  const byProperty = new Map<string, FoundRun>();
  for (const one of found) {
    const { property } = one.run.violations[0]!;
    if (!byProperty.has(property)) byProperty.set(property, one);
  }
  return [...byProperty.values()];
}
