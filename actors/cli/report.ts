import { formatSize } from '../../src/arch/address.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { RunOutcome } from '../thread/board-run.ts';
import type { Configuration } from './configuration.ts';
import { dangersSeen, tableBytes } from './document.ts';
import { lanes } from './lanes.ts';
import type { Style } from './style.ts';

/** The verdict of a run as text: for a good one the counts, for a bad one what happened and what was missing. */
export function runReport(configuration: Configuration, outcome: RunOutcome, style: Style): string[] {
  const lines = ['', verdictLine(configuration, outcome, style)];
  if (outcome.verdict === 'violated') lines.push(...failure(configuration, outcome, style));
  lines.push('', ...phaseLines(outcome), ...countLines(outcome));
  return lines;
}

function verdictLine({ scenario, board, seed }: Configuration, outcome: RunOutcome, style: Style): string {
  const where = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs, seed ${seed}`;
  if (outcome.verdict === 'good')
    return `${style.good('GOOD')}  ${where}: no property was violated in this run (${seconds(outcome.durationMs)})`;
  if (outcome.verdict === 'inconclusive')
    return `${style.warn('INCONCLUSIVE')}  ${where}: ${outcome.reason} after ${seconds(outcome.durationMs)}`;
  const properties = [...new Set(outcome.violations.map(({ property }) => property))];
  return `${style.bad('VIOLATED')}  ${properties.join(', ')}: ${where}`;
}

function failure(configuration: Configuration, outcome: RunOutcome, style: Style): string[] {
  const [first, ...rest] = outcome.violations;
  if (first === undefined) return [];
  const lines = [`  again: ${command(configuration)}   (real threads: the same seed makes it likely, not certain)`, ''];
  lines.push(...violationLines(first, style), '');
  const untilStep = first.step < 0 ? Number.POSITIVE_INFINITY : first.step + 3;
  lines.push(
    ...lanes(outcome.trace, outcome.kernel, { untilStep, prefer: [first.cpu], rows: 18, width: style.width }).map(
      (line) => `  ${line}`,
    ),
  );
  for (const { property, message, cpu } of rest.slice(0, 4))
    lines.push('', `  then ${style.bad(property)}${cpu >= 0 ? ` on CPU ${cpu}` : ''}: ${message}`);
  if (rest.length > 4) lines.push('', `  ... and ${rest.length - 4} more`);
  return lines;
}

function violationLines(violation: Violation, style: Style): string[] {
  const { property, cpu, step, message, evidence, remedy } = violation;
  const where = [cpu >= 0 ? `CPU ${cpu}` : '', step >= 0 ? `step ${step}` : ''].filter((part) => part !== '').join(', ');
  return [
    `  ${style.bad(property)}${where === '' ? '' : ` (${where})`}: ${message}`,
    ...evidence.map((line) => `      ${line}`),
    ...(remedy === '' ? [] : [`  ${style.strong('what would have prevented it')}: ${remedy}`]),
  ];
}

/** The command line that runs the same again. */
export function command({ reference, board, scenario, kernel, seed }: Configuration): string {
  const preset = typeof scenario.board === 'string' ? scenario.board : scenario.board.name;
  return [
    'asymmu run',
    reference.name,
    ...(board.name === preset ? [] : [`--board ${board.name}`]),
    ...(kernel.revision === '6.18' ? [] : [`--revision ${kernel.revision}`]),
    `--seed ${seed}`,
  ].join(' ');
}

function phaseLines({ phases }: RunOutcome): string[] {
  const parts = Object.entries(phases).map(([name, ms]) => `${name} ${milliseconds(ms)}`);
  return parts.length === 0 ? [] : [`  phases   ${parts.join(' · ')}`];
}

function countLines(outcome: RunOutcome): string[] {
  const { counts } = outcome;
  const n = (value: number): string => value.toLocaleString('en-US');
  const bytes = tableBytes(outcome);
  const dangers = Object.entries(dangersSeen(outcome)).map(([name, seen]) => `${name}: ${seen ? 'seen' : 'not seen'}`);
  return [
    `  TLB      ${n(counts.hits)} hits, ${n(counts.misses)} misses, ${n(counts.walks)} walks (${n(counts.walkCacheHits)} from the walk cache, ${n(counts.speculativeWalks)} speculative)`,
    `  DVM      ${n(counts.tlbis)} TLBIs, applied ${n(counts.tlbisApplied)} times, ${n(counts.dsbs)} DSBs; ${n(counts.redone)} accesses done again`,
    `  danger   both sizes cached ${n(counts.bothSizesCached)} times, conflicts avoided ${n(counts.conflictsAvoided)}, stale uses before completion ${n(counts.staleUses)} (${dangers.join('; ')})`,
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
