import { availableParallelism } from 'node:os';
import type { Interleaver } from '../../src/explore/interleaver.ts';
import { replaying } from '../../src/explore/replay.ts';
import type { Schedule } from '../../src/explore/token.ts';
import { explorerOf } from '../campaign/exploration.ts';
import type { FoundRun } from '../campaign/range.ts';
import { MOST_SCHEDULES } from '../campaign/search-plan.ts';
import { searchOnPool } from '../campaign/search-pool.ts';
import { STRATEGIES, STRATEGY_NAMES, type StrategyName, type StrategyOptions } from '../campaign/strategies.ts';
import { madeAgain, type Shown } from './again.ts';
import { type ConfigurationOptions, resolvedLines, wholeNumber } from './configuration.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { boardNote, configureExplored, MOST_POINTS } from './explore-configuration.ts';
import { exploreDocument } from './explore-document.ts';
import { exploreProgress } from './explore-progress.ts';
import {
  type ExploreOutcome,
  type ExploreRequest,
  exploreReport,
  requestSettings,
  verdictOf,
} from './explore-report.ts';
import { tokenOf } from './explore-token.ts';
import { interrupted } from './interrupted.ts';
import { scenarioProblem } from './scenario-problem.ts';
import { durationMs } from './soak.ts';
import { styleFor } from './style.ts';
import { usageError } from './usage-error.ts';

/** As the user typed them. */
export interface ExploreOptions extends ConfigurationOptions {
  readonly strategy?: string;
  readonly depth?: string;
  readonly preemptions?: string;
  readonly acts?: string;
  readonly chances?: string;
  readonly schedules?: string;
  readonly for?: string;
  readonly jobs?: string;
  readonly from?: string;
  readonly points?: string;
  readonly keepGoing?: boolean;
  readonly charts?: boolean;
  readonly json?: boolean;
}

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
  if (note !== undefined) say(`  ${note}`);
  const progress = exploreProgress(options.json ? process.stderr : process.stdout, request);
  const stop = interrupted();
  try {
    const result = await searchOnPool({
      exploration: explored.plan,
      strategy: request.strategy,
      options: request.options,
      keepGoing: request.keepGoing,
      schedules: request.schedules,
      ...(request.forMs === undefined ? {} : { forMs: request.forMs }),
      jobs: request.jobs,
      signal: stop.signal,
      onProgress: progress.show,
    });
    progress.clear();
    const interleaver = explorerOf(explored.plan, explored.scenario);
    const shown = firstOfEach(result.found).map((found) => show(request, interleaver, result.parameters, found));
    const outcome: ExploreOutcome = { result, shown };
    if (options.json) process.stdout.write(`${JSON.stringify(exploreDocument(request, outcome), null, 2)}\n`);
    else for (const line of exploreReport(request, outcome, style)) say(line);
    return EXIT[verdictOf(request, result)];
  } catch (thrown) {
    progress.clear();
    throw scenarioProblem(explored.reference, thrown);
  } finally {
    stop.dispose();
  }
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;

const USUAL_SCHEDULES = 10_000;
/** What a strategy is told where nobody says, and the most that makes sense. */
const STRATEGY_NUMBERS = {
  depth: { usual: 3, least: 1, most: 32 },
  preemptions: { usual: 2, least: 0, most: 1000 },
  acts: { usual: 1, least: 0, most: 1000 },
  chances: { usual: 0, least: 0, most: 1000 },
} as const;

function strategyOptions(strategy: StrategyName, seed: number, options: ExploreOptions): StrategyOptions {
  const { asks } = STRATEGIES[strategy];
  const number = (name: keyof typeof STRATEGY_NUMBERS): number => {
    const { usual, least, most } = STRATEGY_NUMBERS[name];
    const text = options[name];
    if (text === undefined) return usual;
    if (!asks.includes(name)) throw usageError(`--${name}: the strategy '${strategy}' does not ask for it`);
    return numberBetween(`--${name}`, text, least, most);
  };
  return {
    seed,
    depth: number('depth'),
    preemptions: number('preemptions'),
    acts: number('acts'),
    chances: number('chances'),
  };
}

async function requested(name: string, options: ExploreOptions): Promise<ExploreRequest> {
  const strategy = STRATEGY_NAMES.find((one) => one === (options.strategy ?? 'random'));
  if (strategy === undefined)
    throw usageError(`--strategy: '${options.strategy}' is none of ${STRATEGY_NAMES.join(', ')}`);
  const explored = await configureExplored(name, {
    ...options,
    from: startFrom(options.from),
    mostPoints: options.points === undefined ? MOST_POINTS : positive('--points', options.points),
    charts: options.charts === true ? 'actors' : 'tables',
  });
  const schedules = options.schedules ?? (options.for === undefined ? String(USUAL_SCHEDULES) : undefined);
  return {
    explored,
    strategy,
    options: strategyOptions(strategy, explored.seed, options),
    schedules: schedules === undefined ? MOST_SCHEDULES : positive('--schedules', schedules),
    ...(options.for === undefined ? {} : { forMs: durationMs('--for', options.for), forText: options.for }),
    jobs: jobsFor(strategy, options.jobs),
    keepGoing: options.keepGoing === true,
  };
}

function startFrom(text: string | undefined): 'power-on' | 'brought-up' {
  if (text === undefined || text === 'brought-up') return 'brought-up';
  if (text !== 'power-on') throw usageError(`--from: '${text}' is none of power-on, brought-up`);
  return text;
}

const MOST_JOBS = 256;

function jobsFor(strategy: StrategyName, text: string | undefined): number {
  const jobs = text === undefined ? undefined : positive('--jobs', text);
  if (jobs !== undefined && jobs > MOST_JOBS) throw usageError(`--jobs: '${text}' is more than ${MOST_JOBS}`);
  if (STRATEGIES[strategy].numbered) return jobs ?? availableParallelism();
  if (jobs !== undefined && jobs > 1)
    throw usageError(`--jobs: the schedules of '${strategy}' follow from each other; it has one job`);
  return 1;
}

function positive(option: string, text: string): number {
  return numberBetween(option, text, 1, MOST_SCHEDULES);
}

function numberBetween(option: string, text: string, least: number, most: number): number {
  const number = wholeNumber(option, text);
  if (number < least || number > most)
    throw usageError(`${option}: '${text}' is not a number from ${least} to ${most}`);
  return number;
}

/** The first run of each property that was violated. */
function firstOfEach(found: readonly FoundRun[]): FoundRun[] {
  const byProperty = new Map<string, FoundRun>();
  for (const one of found) {
    const { property } = one.run.violations[0]!;
    if (!byProperty.has(property)) byProperty.set(property, one);
  }
  return [...byProperty.values()];
}

function show(
  { explored, strategy }: ExploreRequest,
  interleaver: Interleaver,
  parameters: readonly number[],
  { index, run }: FoundRun,
): Shown & { index: number; token: string } {
  const { numbered, make } = STRATEGIES[strategy];
  const { seed } = explored;
  const schedule: Schedule = numbered
    ? { kind: 'drawn', strategy, parameters, seed, index }
    : { kind: 'written', answers: run.decisions.answers };
  const decide = numbered ? make(interleaver, seed, parameters).decide(index)! : replaying(run.decisions);
  return { ...madeAgain(explored, interleaver, decide, run), index, token: tokenOf(explored, schedule, run) };
}
