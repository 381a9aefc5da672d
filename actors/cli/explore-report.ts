import { DANGERS } from '../../src/explore/discovery.ts';
import { MOST_SCHEDULES } from '../campaign/search-plan.ts';
import type { SearchResult } from '../campaign/search-pool.ts';
import type { StrategyName } from '../campaign/strategies.ts';
import type { Shown } from './again.ts';
import { type Explored, resolvedExplored } from './explore-configuration.ts';
import { replayCommand } from './explore-token.ts';
import { failureLines } from './report.ts';
import type { Style } from './style.ts';
import { wrap } from './wrap.ts';

/** What a search says: before it starts, and at its end. */

/** A search as it was asked for. */
export interface ExploreRequest {
  readonly explored: Explored;
  readonly strategy: StrategyName;
  readonly schedules: number;
  readonly forMs?: number;
  /** As it was typed. */
  readonly forText?: string;
  readonly jobs: number;
  readonly keepGoing: boolean;
}

/** A violation that was found, made again, and can be made again by anybody. */
export interface ShownFound extends Shown {
  readonly index: number;
  readonly token: string;
}

export interface ExploreOutcome {
  readonly result: SearchResult;
  /** The first of each property. */
  readonly shown: readonly ShownFound[];
}

/** What decides the search. */
export function requestSettings({
  explored,
  strategy,
  schedules,
  forText,
  jobs,
}: ExploreRequest): Record<string, unknown> {
  return {
    ...resolvedExplored(explored),
    strategy,
    ...(schedules === MOST_SCHEDULES ? {} : { schedules }),
    ...(forText === undefined ? {} : { for: forText }),
    jobs,
  };
}

export type ExploreVerdict = 'good' | 'violated' | 'inconclusive';

/** A search whose runs were all given up, or that was stopped, has shown nothing. */
export function verdictOf({ found, ended, schedules, givenUp }: SearchResult): ExploreVerdict {
  if (found.length > 0 || ended === 'hung') return 'violated';
  return ended === 'interrupted' || schedules === givenUp ? 'inconclusive' : 'good';
}

export function exploreReport(request: ExploreRequest, outcome: ExploreOutcome, style: Style): string[] {
  const { result, shown } = outcome;
  const lines = ['', verdictLine(request, outcome, style)];
  for (const [i, one] of shown.entries()) {
    if (i > 0) lines.push('', `  also ${style.bad(one.violations[0]!.property)}, in schedule ${one.index}:`);
    lines.push(`  again: ${replayCommand(one.token)}`);
    if (i === 0) lines.push(...expectation(request, outcome));
    lines.push('', ...failureLines(one, style));
  }
  if (shown.length === 0) lines.push(...expectation(request, outcome));
  return [...lines, '', ...coverageLines(request, result, style)];
}

function verdictLine(request: ExploreRequest, { result, shown }: ExploreOutcome, style: Style): string {
  const { explored, strategy } = request;
  const { scenario, board, seed } = explored;
  const where = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs, ${strategy}, seed ${seed}`;
  const time = `${(result.elapsedMs / 1000).toFixed(2)} s`;
  const verdict = verdictOf(result);
  if (verdict === 'violated') {
    const properties = shown.map((one) => one.violations[0]!.property);
    const which = request.keepGoing
      ? `${n(result.found.length)} of ${count(result.schedules, 'schedule')}`
      : `schedule ${n(result.found[0]?.index ?? result.hung ?? 0)}`;
    return `${style.bad('VIOLATED')}  ${properties.join(', ')}: ${where}, in ${which} (${time})`;
  }
  const after = `after ${count(result.schedules, 'schedule')}`;
  if (verdict === 'inconclusive')
    return `${style.warn('INCONCLUSIVE')}  ${where}: ${result.ended === 'interrupted' ? 'interrupted' : 'every run was given up'} ${after} (${time})`;
  const bounds = result.ended === 'exhausted' ? 'all' : 'the';
  return `${style.good('GOOD')}  ${where}: no property was violated in ${bounds} ${n(result.schedules)} schedules that were run (${time})`;
}

/** A bad twin is there to be caught. */
function expectation({ explored }: ExploreRequest, { shown }: ExploreOutcome): string[] {
  const { expect } = explored.scenario;
  if (expect === 'good') return [];
  const properties = shown.map((one) => one.violations[0]!.property);
  if (properties.includes(expect)) return [`  a bad twin, caught by '${expect}' as it should be`];
  return [`  a bad twin that '${expect}' should have caught${shown.length > 0 ? ', and did not' : ''}`];
}

/** What was covered, and what that is worth. */
export function coverageLines(request: ExploreRequest, result: SearchResult, style: Style): string[] {
  const { schedules, points, givenUp, dangers, elapsedMs } = result;
  const perSecond = (of: number): string => n(Math.round((1000 * of) / Math.max(1, elapsedMs)));
  const gaveUp = `${count(givenUp, 'schedule')} given up after ${n(request.explored.plan.mostPoints)} points`;
  const lines = [
    `covered   ${count(schedules, 'schedule')}, ${count(points, 'point')} (${perSecond(schedules)} and ${perSecond(points)} a second); ${gaveUp}`,
    `danger    ${DANGERS.map(({ name }, i) => `${name} in ${n(dangers[i]!)}`).join(', ')} of ${count(schedules, 'schedule')}`,
    `seen      ${curveText(result)}`,
  ];
  return lines.flatMap((line) => wrap(line, style.width - 2, '          ').map((part) => `  ${part}`));
}

function curveText({ discovery, schedules }: SearchResult): string {
  const curve = discovery.curve(schedules);
  const steps = curve.map((at) => `${n(at.situations)} after ${n(at.schedules)}`).join(', ');
  const tenth = Math.floor(schedules / 10);
  if (tenth === 0) return `situations: ${steps}`;
  const share = (100 * discovery.lastTenth(schedules)).toFixed(1);
  return `situations: ${steps}; ${share}% of the last ${count(tenth, 'schedule')} met a new one`;
}

const n = (value: number): string => value.toLocaleString('en-US');
const count = (value: number, what: string): string => `${n(value)} ${what}${value === 1 ? '' : 's'}`;
