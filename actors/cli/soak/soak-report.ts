import { describeBoard } from '../../../src/hardware/board/board-describe.ts';
import type { RunOutcome } from '../../thread/board-run.ts';
import { MOST_COUNTED, type Round, type SoakTotals } from '../../thread/soak.ts';
import { runReport } from '../report/report.ts';
import type { Style } from '../terminal/style.ts';
import { type MemoryUse, megabytes } from './soak-progress.ts';
import { againCommand, type SoakRequest } from './soak-request.ts';

/** What a soak says when something is found, and at its end. */

/** A round that violated a property, as `asymmu run` reports it, and which round it was. */
export function roundReport(round: Round, outcome: RunOutcome, again: string, style: Style): string[] {
  const kernel = Object.entries(round.kernel).map(([key, value]) => `${key} ${value}`);
  return [
    '',
    style.strong(`round ${round.round}: ${round.scenario.name}`),
    ...describeBoard(round.board).map((line) => `  ${line}`),
    `    kernel        ${kernel.join(', ')}`,
    // A drawn board has no name that `run` knows, so the round is asked for by its number.
    ...runReport(round, outcome, style, again),
  ];
}

/** The summary. */
export function soakReport(request: SoakRequest, totals: SoakTotals, memory: MemoryUse, style: Style): string[] {
  const { counts } = totals;
  const n = (value: number): string => value.toLocaleString('en-US');
  const unseen = unseenDangers(totals);
  return [
    '',
    verdictLine(request, totals, style),
    `  rounds   ${n(totals.good)} good, ${n(totals.violated)} violated, ${n(totals.inconclusive)} inconclusive${totals.cutShort > 0 ? '; the last one was cut short and counts for nothing' : ''}`,
    `  work     ${n(counts.accesses)} accesses, ${n(counts.leavesChecked)} translations checked, ${n(counts.tlbis)} TLBIs, applied ${n(counts.tlbisApplied)} times`,
    `  danger   both sizes cached ${n(counts.bothSizesCached)} times, conflicts avoided ${n(counts.conflictsAvoided)}, stale uses before completion ${n(counts.staleUses)}`,
    ...Object.entries(totals.dangers).map(([name, rounds]) => `           ${name}: seen in ${n(rounds)} rounds`),
    ...(unseen.length > 0
      ? [`  ${style.warn('never seen')}  ${unseen.join(', ')}: without the danger a good verdict says little`]
      : []),
    `  boards   ${counted(totals.boards)} different, ${counted(totals.configurations)} with different kernel configurations`,
    `  memory   ${megabytes(memory.start)} at the start, ${megabytes(memory.max)} at most, ${megabytes(memory.end)} at the end`,
    ...(totals.ended === 'rounds' ? [] : [`  go on    ${againCommand(request, { round: totals.nextRound })}`]),
  ];
}

function verdictLine({ plan }: SoakRequest, totals: SoakTotals, style: Style): string {
  const rounds = totals.good + totals.violated + totals.inconclusive;
  const bounds = `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, seed ${plan.seed}`;
  const verdict = verdictOf(totals);
  if (verdict === 'violated')
    return `${style.bad('VIOLATED')}  a property was violated in ${totals.violated} of ${bounds}`;
  if (verdict === 'inconclusive')
    return `${style.warn('INCONCLUSIVE')}  ${WHY[totals.ended]} without a verdict: ${bounds}`;
  const early = totals.ended === 'interrupted' ? '; interrupted' : '';
  return `${style.good('GOOD')}  no property was violated in ${bounds}${early}`;
}

const WHY = {
  interrupted: 'interrupted',
  time: 'time was over',
  rounds: 'the rounds ended',
  violation: 'it ended',
} as const satisfies Record<SoakTotals['ended'], string>;

export function verdictOf({ good, violated, inconclusive }: SoakTotals): 'good' | 'violated' | 'inconclusive' {
  if (violated > 0) return 'violated';
  return good > 0 && inconclusive === 0 ? 'good' : 'inconclusive';
}

/** What no round has shown, of what the rounds are there to show. */
export function unseenDangers({ dangers, good, violated }: SoakTotals): string[] {
  if (good + violated === 0) return [];
  return Object.keys(dangers).filter((name) => dangers[name] === 0);
}

function counted(set: ReadonlySet<number>): string {
  return `${set.size >= MOST_COUNTED ? 'at least ' : ''}${set.size.toLocaleString('en-US')}`;
}
