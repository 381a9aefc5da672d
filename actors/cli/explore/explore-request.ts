import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { MOST_POINTS } from '../../campaign/exploration.ts';
import { MOST_SCHEDULES } from '../../campaign/search-plan.ts';
import { STRATEGIES, STRATEGY_NAMES, type StrategyName, type StrategyOptions } from '../../campaign/strategies.ts';
import type { ConfigurationOptions } from '../configuration/configuration.ts';
import { durationMs, numberBetween } from '../configuration/quantity.ts';
import { usageError } from '../usage-error.ts';
import { configureExplored, type Explored } from './explore-configuration.ts';

/** What the user asks `explore` for, made sense of. */

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
  readonly shrink?: boolean;
  readonly charts?: boolean;
  readonly checkpoint?: string;
  readonly coverage?: boolean;
  readonly json?: boolean;
}

/** A search as it was asked for. */
export interface ExploreRequest {
  readonly explored: Explored;
  readonly strategy: StrategyName;
  readonly options: StrategyOptions;
  readonly schedules: number;
  readonly forMs?: number;
  /** As it was typed. */
  readonly forText?: string;
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly checkpointFile?: string;
  readonly shrink: boolean;
  /** What the schedules cover is to be shown. */
  readonly coverage: boolean;
}

const USUAL_SCHEDULES = '10000';

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

/** Throws usage errors. */
export async function requested(name: string, options: ExploreOptions): Promise<ExploreRequest> {
  const strategy = STRATEGY_NAMES.find((one) => one === (options.strategy ?? 'random'));
  if (strategy === undefined)
    throw usageError(`--strategy: '${options.strategy}' is none of ${STRATEGY_NAMES.join(', ')}`);
  const explored = await configureExplored(name, {
    ...options,
    from: startFrom(options.from),
    mostPoints: options.points === undefined ? MOST_POINTS : positive('--points', options.points),
    charts: options.charts === true ? 'actors' : 'tables',
  });
  const schedules = options.schedules ?? (options.for === undefined ? usualSchedules(strategy) : undefined);
  return {
    explored,
    strategy,
    options: strategyOptions(strategy, explored.seed, options),
    schedules: schedules === undefined ? MOST_SCHEDULES : positive('--schedules', schedules),
    ...(options.for === undefined ? {} : { forMs: durationMs('--for', options.for), forText: options.for }),
    jobs: jobsFor(strategy, options.jobs),
    keepGoing: options.keepGoing === true,
    shrink: options.shrink !== false,
    coverage: options.coverage === true,
    ...checkpointFor(strategy, options),
  };
}

/** Of a finite number, all. */
function usualSchedules(strategy: StrategyName): string | undefined {
  return STRATEGIES[strategy].finite ? undefined : USUAL_SCHEDULES;
}

function startFrom(text: string | undefined): 'power-on' | 'brought-up' {
  if (text === undefined || text === 'brought-up') return 'brought-up';
  if (text !== 'power-on') throw usageError(`--from: '${text}' is none of power-on, brought-up`);
  return text;
}

function checkpointFor(
  strategy: StrategyName,
  { checkpoint: file, coverage }: ExploreOptions,
): { checkpointFile?: string } {
  if (file === undefined) return {};
  if (coverage === true) throw usageError('--coverage: a checkpoint does not keep what was covered before');
  if (STRATEGIES[strategy].numbered)
    throw usageError(`--checkpoint: schedules of '${strategy}' do not follow from each other; --seed makes them again`);
  if (!STRATEGIES[strategy].finite) throw usageError(`--checkpoint: '${strategy}' is not exhaustive; it cannot go on`);
  return { checkpointFile: resolve(file) };
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
