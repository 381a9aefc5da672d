import { availableParallelism } from 'node:os';
import type { Acted, Bug } from '../../src/scenario/bug.ts';
import { bugNamed, bugs } from '../../src/scenario/bugs.ts';
import { HUNTERS, type Hunt, type HuntPlan, huntPlan } from '../campaign/bug-hunt.ts';
import type { HuntTask } from '../campaign/bug-worker.ts';
import { eachOnPool } from '../campaign/each-on-pool.ts';
import {
  bugLines,
  bugsDocument,
  catalogueDocument,
  catalogueLines,
  type HuntedBug,
  huntLine,
  isAsItShouldBe,
  summaryLines,
} from './bugs-text.ts';
import { didYouMean } from './closest.ts';
import { resolvedLines } from './configuration/configuration.ts';
import { numberBetween, seedFrom } from './configuration/quantity.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { configureExplored, type Explored } from './explore/explore-configuration.ts';
import { tokenOf } from './explore/explore-found.ts';
import { interrupted } from './terminal/interrupted.ts';
import { statusLine } from './terminal/status-line.ts';
import { styleFor } from './terminal/style.ts';
import { usageError } from './usage-error.ts';

/** `asymmu bugs`: what is known to go wrong, and each of it found once more. */

export interface BugsOptions {
  readonly json?: boolean;
}

/** Lists all bugs, or describes one. */
export function listBugs(name: string | undefined, { json }: BugsOptions): void {
  const style = styleFor(process.stdout);
  const chosen = name === undefined ? bugs : [findBug(name)];
  if (json) process.stdout.write(`${JSON.stringify(catalogueDocument(chosen), null, 2)}\n`);
  else
    for (const line of name === undefined ? catalogueLines(chosen, style) : bugLines(chosen[0]!, style))
      process.stdout.write(`${line}\n`);
}

export interface RunBugsOptions extends BugsOptions {
  readonly seed?: string;
  readonly seeds?: string;
  readonly schedules?: string;
  readonly jobs?: string;
}

/** Finds bugs by exploring, each from many seeds. Returns the exit code: 0 when all were found by name and no fix violates anything. */
export async function runBugs(names: readonly string[], options: RunBugsOptions): Promise<number> {
  const chosen = names.length === 0 ? bugs : [...new Set(names.map(findBug))];
  const why = chosen.flatMap(({ name, act }) => ('why' in act ? [`${name} is not acted out: ${act.why}`] : []));
  if (why.length === chosen.length) throw usageError(why.join('\n'));
  const seed = seedFrom(options.seed ?? '1');
  const seeds = numberBetween('--seeds', options.seeds ?? '20', 1);
  const schedules = numberBetween('--schedules', options.schedules ?? '20000', 1);
  const jobs = options.jobs === undefined ? availableParallelism() : numberBetween('--jobs', options.jobs, 1);
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  const config = { bugs: chosen.length, strategies: HUNTERS.join(', '), seed, seeds, schedules, jobs };
  for (const line of resolvedLines(config, style.width)) say(line);
  say('');
  const acted = chosen.flatMap((bug) => ('bad' in bug.act ? [{ bug, act: bug.act }] : []));
  const ready = new Map<string, Ready>();
  for (const { bug, act } of acted) ready.set(bug.name, await readyFor(bug, act, { seed, seeds, schedules }));
  const stop = interrupted();
  const progress = statusLine(options.json ? process.stderr : process.stdout);
  const began = performance.now();
  const done: HuntedBug[] = [];
  const width = Math.max(...chosen.map(({ name }) => name.length));
  try {
    const tasks = acted.map(({ bug: { name } }) => ({ name, plan: ready.get(name)!.plan }));
    progress.say(`0 of ${tasks.length}`);
    await eachOnPool<HuntTask, Hunt>({
      worker: 'bug-worker',
      tasks,
      jobs,
      signal: stop.signal,
      onResult({ name }, hunt) {
        const { bug, explored } = ready.get(name)!;
        const one: HuntedBug = { bug, hunt, token: hunt && tokenFor(explored, hunt) };
        done.push(one);
        progress.clear();
        for (const line of huntLine(one, width, style)) say(line);
        progress.say(`${done.length} of ${tasks.length}`);
      },
    });
  } finally {
    progress.clear();
    stop.dispose();
  }
  const durationMs = Math.round(performance.now() - began);
  const left = chosen.filter(({ act }) => 'why' in act);
  if (options.json) process.stdout.write(`${JSON.stringify(bugsDocument(config, done, left, durationMs), null, 2)}\n`);
  else for (const line of summaryLines(done, left, durationMs, style)) say(line);
  if (stop.signal.aborted) return EXIT_INCONCLUSIVE;
  return done.length === acted.length && done.every(isAsItShouldBe) ? EXIT_GOOD : EXIT_VIOLATED;
}

/** A bug and how it is explored. */
interface Ready {
  readonly bug: Bug;
  readonly explored: Explored;
  readonly plan: HuntPlan;
}

async function readyFor(bug: Bug, act: Acted, budget: Pick<HuntPlan, 'seed' | 'seeds' | 'schedules'>): Promise<Ready> {
  const plan = huntPlan(act, budget);
  const { from, mostPoints, charts } = plan.bad;
  const explored = await configureExplored(act.bad.name, { from, mostPoints, charts, seed: String(budget.seed) });
  return { bug, explored, plan };
}

function tokenFor(explored: Explored, { shown }: Hunt): string | undefined {
  if (shown === undefined) return undefined;
  const { hunter: strategy, seed, parameters, found } = shown;
  return tokenOf(explored, { kind: 'drawn', strategy, parameters, seed, index: found.index }, found.run);
}

function findBug(name: string): Bug {
  const bug = bugNamed(name);
  if (bug !== undefined) return bug;
  const guess = didYouMean(
    name,
    bugs.map((one) => one.name),
  );
  throw usageError(`unknown bug '${name}'${guess}; 'asymmu bugs' lists them`);
}
