import type { Violation } from '../../../src/check/violation.ts';
import type { Coverable } from '../../../src/explore/coverage/coverage-table.ts';
import { DANGERS } from '../../../src/explore/coverage/discovery.ts';
import type { RunSize } from '../../../src/explore/explain/account.ts';
import { MOST_SCHEDULES } from '../../campaign/search-plan.ts';
import { HUNG_AFTER_MS, type SearchResult } from '../../campaign/search-pool.ts';
import { STRATEGIES } from '../../campaign/strategies.ts';
import { otherRevision } from '../report/other-revision.ts';
import type { Style } from '../terminal/style.ts';
import { wrap } from '../terminal/wrap.ts';
import { shownLines } from './again.ts';
import { coverageText } from './coverage-text.ts';
import { explanationLines } from './explain-text.ts';
import { resolvedExplored } from './explore-configuration.ts';
import type { ShownFound } from './explore-found.ts';
import type { ExploreRequest } from './explore-request.ts';

/** What a search says: before it starts, and at its end. */

export interface ExploreOutcome {
  readonly result: SearchResult;
  /** The first of each property. */
  readonly shown: readonly ShownFound[];
  /** What there was to cover, where somebody wants to know. */
  readonly coverable: Coverable | undefined;
}

/** What decides the search. */
export function requestSettings(request: ExploreRequest): Record<string, unknown> {
  const { explored, strategy, options, schedules, forText, jobs } = request;
  return {
    ...resolvedExplored(explored),
    strategy,
    ...Object.fromEntries(STRATEGIES[strategy].asks.map((name) => [name, options[name]])),
    ...(schedules === MOST_SCHEDULES ? {} : { schedules }),
    ...(forText === undefined ? {} : { for: forText }),
    jobs,
  };
}

export type ExploreVerdict = 'good' | 'violated' | 'inconclusive';

/** A search whose runs were all given up, that was stopped, or that wanted to see everything and has not, has shown nothing. */
export function verdictOf({ strategy }: ExploreRequest, result: SearchResult): ExploreVerdict {
  const { found, ended, schedules, givenUp } = result;
  if (found.length > 0 || ended === 'hung') return 'violated';
  const whole = !STRATEGIES[strategy].finite || ended === 'exhausted';
  return ended === 'interrupted' || schedules === givenUp || !whole ? 'inconclusive' : 'good';
}

/** A program that goes on for ever without a point cannot be run again either: there is no token. */
export function hungViolations({ hung }: SearchResult): Violation[] {
  if (hung === undefined) return [];
  const message = `schedule ${n(hung)} came to no point for ${HUNG_AFTER_MS / 1000} s: some program goes on without an instruction`;
  return [{ property: 'hung', cpu: -1, step: -1, message, evidence: [], remedy: '' }];
}

export function exploreReport(request: ExploreRequest, outcome: ExploreOutcome, style: Style): string[] {
  const { shown } = outcome;
  const lines = ['', verdictLine(request, outcome, style)];
  for (const [i, one] of shown.entries()) {
    if (i > 0) lines.push('', `  also ${style.bad(one.violations[0]!.property)}, in schedule ${one.index}:`);
    lines.push(`  again: npx asymmu replay ${one.token}`, ...shrunkLines(one, style));
    if (i === 0) lines.push(...expectation(request, outcome));
    lines.push('', ...shownLines(one, style), ...explained(one, style));
  }
  if (shown.length === 0) lines.push(...expectation(request, outcome));
  lines.push(...hungViolations(outcome.result).map(({ property, message }) => `  ${style.bad(property)}: ${message}`));
  return [...lines, '', ...coverageLines(request, outcome, style), ...tables(outcome, style)];
}

/** What the run lacks that is shown. */
function explained({ explanation, kernel, machine }: ShownFound, style: Style): string[] {
  if (explanation === undefined) return [];
  return ['', ...explanationLines(explanation, { k: kernel, memory: machine.memory }, style)];
}

function tables({ result, coverable }: ExploreOutcome, style: Style): string[] {
  if (coverable === undefined) return [];
  const lines = coverageText(result.coverage, coverable, { ...style, width: style.width - 2 });
  return ['', ...lines.map((line) => (line === '' ? '' : `  ${line}`))];
}

/** How much smaller the run is that is shown. */
function shrunkLines({ shrunk, notShrunk }: ShownFound, style: Style): string[] {
  if (shrunk === undefined) return notShrunk === undefined ? [] : [`  not shrunk: ${notShrunk}`];
  const { before, after, runs } = shrunk;
  const size = ({ cpus, preemptions, switches, chances, hardwareActs, points }: RunSize): string =>
    [
      count(cpus, 'CPU'),
      `${n(switches)} context switches (${count(preemptions, 'preemption')})`,
      `${count(chances + hardwareActs, 'event')} of chance`,
      count(points, 'point'),
    ].join(', ');
  const line = `shrunk from ${size(before)} to ${size(after)} in ${count(runs, 'run')}`;
  return wrap(line, style.width - 2, '  ').map((part) => `  ${part}`);
}

function verdictLine(request: ExploreRequest, { result, shown }: ExploreOutcome, style: Style): string {
  const { explored, strategy } = request;
  const { scenario, board, seed } = explored;
  const where = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs, ${strategy}, seed ${seed}`;
  const time = `${(result.elapsedMs / 1000).toFixed(2)} s`;
  const verdict = verdictOf(request, result);
  if (verdict === 'violated') {
    const violations = [...shown.map((one) => one.violations[0]!), ...hungViolations(result)];
    const properties = violations.map(({ property }) => property);
    const which = request.keepGoing
      ? `${n(result.found.length)} of ${count(result.schedules, 'schedule')}`
      : `schedule ${n(result.found[0]?.index ?? result.hung ?? 0)}`;
    return `${style.bad('VIOLATED')}  ${properties.join(', ')}: ${where}, in ${which} (${time})`;
  }
  const after = `after ${count(result.schedules, 'schedule')}`;
  if (verdict === 'inconclusive')
    return `${style.warn('INCONCLUSIVE')}  ${where}: ${whyNone(request, result)} ${after} (${time})`;
  const which = result.ended === 'exhausted' ? 'all there are within the bounds' : 'as many as were run';
  return `${style.good('GOOD')}  ${where}: no property was violated in ${count(result.schedules, 'schedule')}, ${which} (${time})`;
}

function whyNone({ explored }: ExploreRequest, { ended, schedules, givenUp }: SearchResult): string {
  if (ended === 'interrupted') return 'interrupted';
  if (schedules === 0 || schedules !== givenUp) return ended === 'time' ? 'time was over' : 'the budget was spent';
  return `every run was given up at ${n(explored.plan.mostPoints)} points (--points gives them more)`;
}

/** A bad twin is there to be caught. */
function expectation({ explored }: ExploreRequest, { shown }: ExploreOutcome): string[] {
  const { expect } = explored.scenario;
  if (expect === 'good') return [];
  const properties = shown.map((one) => one.violations[0]!.property);
  if (properties.includes(expect)) return [`  a bad twin, caught by '${expect}' as it should be`];
  return [
    `  a bad twin that '${expect}' should have caught${shown.length > 0 ? ', and did not' : ''}${otherRevision(explored)}`,
  ];
}

/** What was covered, and what that is worth. */
function coverageLines(request: ExploreRequest, { result }: ExploreOutcome, style: Style): string[] {
  const lines = [
    `covered   ${workText(request, result)}`,
    `danger    ${dangerText(result)}`,
    `seen      ${curveText(result)}`,
    ...(verdictOf(request, result) === 'violated' ? [] : [`worth     ${worthText(request, result)}`]),
  ];
  return lines.flatMap((line) => wrap(line, style.width - 2, '          ').map((part) => `  ${part}`));
}

/** What it means that nothing was found. */
export function worthText({ explored, strategy }: ExploreRequest, result: SearchResult): string {
  const { schedules, givenUp, parameters, ended } = result;
  if (schedules === givenUp) return 'nothing: no schedule was run to its end';
  const cpus = explored.board.cpus.length;
  return STRATEGIES[strategy].worth({ schedules, parameters, exhausted: ended === 'exhausted', cpus });
}

function workText(
  { explored, checkpointFile }: ExploreRequest,
  { schedules, points, givenUp, cut, elapsedMs, before }: SearchResult,
): string {
  const perSecond = (of: number): string => n(Math.round((1000 * of) / Math.max(1, elapsedMs)));
  const done = `${count(schedules, 'schedule')}, ${count(points, 'point')}`;
  const rate = `${perSecond(schedules - before.schedules)} schedules/s, ${perSecond(points - before.points)} points/s`;
  const cutShort = cut === 0 ? '' : `, ${n(cut)} cut short because others tell the same story`;
  const gaveUp = givenUp === 0 ? 'none' : n(givenUp);
  const earlier = before.schedules === 0 ? '' : `, ${n(before.schedules)} of them before, as ${checkpointFile} has it`;
  return `${done}${earlier} (${rate})${cutShort}, ${gaveUp} given up after ${n(explored.plan.mostPoints)} points`;
}

/** A good verdict says little of a danger that no schedule came near. */
function dangerText({ dangers, schedules }: SearchResult): string {
  const reached = DANGERS.map(({ name }, i) => `${name} in ${dangers[i] === 0 ? 'none' : n(dangers[i]!)}`);
  return `${reached.join(', ')} of ${count(schedules, 'schedule')}`;
}

/** A situation: one CPU reaches a milestone while another stands at one of its own, or the run reaches a danger. */
function curveText({ discovery, schedules, before }: SearchResult): string {
  const curve = discovery.curve(schedules).filter((at) => at.schedules > before.schedules); // only what was met since
  const steps = curve.map((at) => `${n(at.situations)} after ${n(at.schedules)}`).join(', ');
  const tenth = Math.floor(schedules / 10);
  if (schedules === 0) return 'nothing';
  if (tenth < 10) return `situations: ${steps}`;
  const share = (100 * discovery.lastTenth(schedules)).toFixed(1);
  return `situations: ${steps}; ${share}% of the last ${count(tenth, 'schedule')} met a new one`;
}

const n = (value: number): string => value.toLocaleString('en-US');
const count = (value: number, what: string): string => `${n(value)} ${what}${value === 1 ? '' : 's'}`;
