import { formatSize } from '../../../src/arch/address.ts';
import type { Violation } from '../../../src/check/violation.ts';
import type { RunOutcome } from '../../thread/board-run.ts';
import { askedWords, type Configuration } from '../configuration/configuration.ts';
import { dangersSeen, tableBytes } from '../document/run-document.ts';
import type { Style } from '../terminal/style.ts';
import { wrap } from '../terminal/wrap.ts';
import { evidenceLines } from './evidence.ts';
import { lanes } from './lanes.ts';
import { otherRevision } from './other-revision.ts';
import { namePlaces } from './place-name.ts';

/**
 * The verdict of a run as text: for a good one the counts, for a bad one what happened and what was missing. `again`: the
 * command line that does the same once more.
 */
export function runReport(
  configuration: Configuration,
  outcome: RunOutcome,
  style: Style,
  again = command(configuration),
): string[] {
  const lines = ['', verdictLine(configuration, outcome, style)];
  if (outcome.verdict === 'good')
    return [...lines, ...expectation(configuration, outcome), '', ...phaseLines(outcome), ...countLines(outcome)];
  lines.push(`  again: ${again}`);
  if (outcome.verdict === 'inconclusive') return [...lines, '', ...howFar(outcome), ...phaseLines(outcome)];
  return [
    ...lines,
    ...expectation(configuration, outcome),
    '',
    ...failureLines(outcome, style),
    '',
    ...phaseLines(outcome),
  ];
}

function verdictLine({ scenario, board, seed }: Configuration, outcome: RunOutcome, style: Style): string {
  const where = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs, seed ${seed}`;
  const time = seconds(outcome.durationMs);
  if (outcome.verdict === 'good')
    return `${style.good('GOOD')}  ${where}: no property was violated in this run (${time})`;
  if (outcome.verdict === 'inconclusive')
    return `${style.warn('INCONCLUSIVE')}  ${where}: ${outcome.reason} after ${time}, in state ${outcome.state}`;
  const properties = [...new Set(outcome.violations.map(({ property }) => property))];
  return `${style.bad('VIOLATED')}  ${properties.join(', ')}: ${where} (${time})`;
}

/** A bad twin is there to be caught. */
function expectation(configuration: Configuration, { verdict, violations, phases }: RunOutcome): string[] {
  const { expect } = configuration.scenario;
  if (expect === 'good') return [];
  if (violations.some(({ property }) => property === expect))
    return [`  a bad twin, caught by '${expect}' as it should be`];
  const missed = `  a bad twin that '${expect}' should have caught`;
  if (verdict !== 'good') return [`${missed}, and did not`];
  const elsewhere = otherRevision(configuration);
  if (elsewhere !== '') return [missed + elsewhere];
  return [
    `${missed}: ${phases.repaint === undefined ? 'nothing was repainted on this board' : 'this run gave it no occasion'}`,
  ];
}

/** Where everybody stood when the run was ended. */
function howFar({ cpus }: RunOutcome): string[] {
  const states = new Map<string, number>();
  for (const { state } of cpus) {
    const where = state === '' ? 'not started' : state;
    states.set(where, (states.get(where) ?? 0) + 1);
  }
  return [...states].map(([state, count]) => `  ${String(count).padStart(4)} x ${state}`);
}

const LANE_ROWS = 16;
/** What is still looked at after the step of the violation. */
const STEPS_AFTER = 3;

/** What of a run is needed to say how it failed. */
export type Failure = Pick<RunOutcome, 'violations' | 'kernel' | 'machine' | 'trace'>;

/**
 * The first violation with its evidence, the steps that led to it as lanes, and what came of it. `others`: CPUs that have a
 * lane if there is room, beside those that the violation names.
 */
export function failureLines(outcome: Failure, style: Style, others: readonly number[] = []): string[] {
  const [first, ...rest] = outcome.violations;
  if (first === undefined) return [];
  const { kernel: k, machine } = outcome;
  const untilStep = first.step < 0 ? Number.POSITIVE_INFINITY : first.step + STEPS_AFTER;
  const drawn = lanes(
    outcome.trace,
    { k, memory: machine.memory },
    { untilStep, prefer: [...new Set([...cpusNamed(first), ...others])], rows: LANE_ROWS, width: style.width - 2 },
  );
  return [
    ...violationLines(first, outcome, style),
    ...(drawn.length === 0 ? [] : ['', ...drawn.map((line) => `  ${line}`)]),
    ...followers(rest, outcome, style),
  ];
}

function violationLines(
  { property, cpu, step, message, evidence, remedy }: Violation,
  outcome: Failure,
  style: Style,
): string[] {
  const where = [cpu >= 0 ? `CPU ${cpu}` : '', step >= 0 ? `step ${step}` : '']
    .filter((part) => part !== '')
    .join(', ');
  const said = `${property}${where === '' ? '' : ` (${where})`}: ${namePlaces(outcome.kernel, message)}`;
  const missing = `missing: ${remedy}`;
  return [
    ...wrap(said, style.width - 2, '  ').map(
      (line, i) => `  ${i === 0 ? line.replace(property, style.bad(property)) : line}`,
    ),
    ...evidenceText(evidence, outcome, style),
    ...(remedy === ''
      ? []
      : wrap(missing, style.width - 2, '  ').map(
          (line, i) => `  ${i === 0 ? line.replace('missing', style.strong('missing')) : line}`,
        )),
  ];
}

function evidenceText(evidence: readonly string[], { kernel }: Failure, style: Style): string[] {
  const lines = evidenceLines(kernel, evidence).flatMap((line) => wrapKeepingColumns(line, style.width - 6));
  return lines.map((line) => `      ${line}`);
}

/** Columns are set with spaces, which wrapping would not disturb, but a row of two columns is better cut by the terminal. */
function wrapKeepingColumns(line: string, width: number): string[] {
  return line.includes('  |  ') ? [line] : wrap(line, width, '  ');
}

/** The CPU it happened on, then those that the words name, each once. */
export function cpusNamed({ cpu, message, evidence }: Violation): number[] {
  const named = [message, ...evidence].join('\n').matchAll(/\bCPU (\d+)/g);
  return [...new Set([...(cpu < 0 ? [] : [cpu]), ...Array.from(named, (match) => Number(match[1]))])];
}

/** What came of it: one line a property; two entries that matched at the same time are worth showing. */
function followers(rest: readonly Violation[], outcome: Failure, style: Style): string[] {
  const byProperty = Map.groupBy(rest, ({ property }) => property);
  const lines = [...byProperty].flatMap(([property, violations]) => {
    const { message, evidence } = violations[0]!;
    const more = violations.length === 1 ? '' : ` (and ${violations.length - 1} more)`;
    const said = wrap(`then ${property}: ${namePlaces(outcome.kernel, message)}${more}`, style.width - 2, '  ');
    return [
      ...said.map((line) => `  ${line}`),
      ...(property === 'conflict' ? evidenceText(evidence, outcome, style) : []),
    ];
  });
  return lines.length === 0 ? [] : ['', ...lines];
}

/** The command line that runs the same again. */
function command({ reference, seed, asked = {} }: Configuration): string {
  return ['npx asymmu run', reference.name, ...askedWords(asked), `--seed ${seed}`].join(' ');
}

function phaseLines({ phases }: RunOutcome): string[] {
  const parts = Object.entries(phases).map(([name, ms]) => `${name} ${milliseconds(ms)}`);
  return parts.length === 0 ? [] : [`  phases   ${parts.join(' · ')}`];
}

function countLines(outcome: RunOutcome): string[] {
  const { counts } = outcome;
  const n = (value: number): string => value.toLocaleString('en-US');
  const bytes = tableBytes(outcome);
  const unseen = Object.entries(dangersSeen(outcome)).flatMap(([name, seen]) => (seen ? [] : [name]));
  const dangers = unseen.length === 0 ? 'all seen' : `not seen: ${unseen.join(', ')}`;
  return [
    `  TLB      ${n(counts.hits)} hits, ${n(counts.misses)} misses, ${n(counts.walks)} walks (${n(counts.walkCacheHits)} from the walk cache, ${n(counts.speculativeWalks)} speculative)`,
    `  DVM      ${n(counts.tlbis)} TLBIs, applied ${n(counts.tlbisApplied)} times, ${n(counts.dsbs)} DSBs; done again ${n(counts.redone)} accesses`,
    `  danger   both sizes cached ${n(counts.bothSizesCached)} times, conflicts avoided ${n(counts.conflictsAvoided)}, stale uses before completion ${n(counts.staleUses)} (${dangers})`,
    `  checked  ${n(counts.leavesChecked)} translations of the linear map, each through a CPU's own TLB`,
    `  tables   ${formatSize(bytes.painted)} when painted, ${formatSize(bytes.atEnd)} at the end`,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;
}
