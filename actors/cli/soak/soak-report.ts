import type { WriteStream } from 'node:tty';
import { formatSize } from '../../../src/arch/address.ts';
import type { Violation } from '../../../src/check/violation.ts';
import { type Board, memoryBytes } from '../../../src/hardware/board.ts';
import { describeBoard } from '../../../src/hardware/board-describe.ts';
import { countsOf } from '../../../src/hardware/system.ts';
import type { Progress, RunOutcome } from '../../thread/board-run.ts';
import { MOST_COUNTED, type Round, type SoakPlan, type SoakTotals } from '../../thread/soak.ts';
import type { ConfigurationOptions } from '../configuration/configuration.ts';
import { command, runReport } from '../report/report.ts';
import type { Style } from '../terminal/style.ts';
import { version } from '../version.ts';

/** What a soak says: before it starts, while it goes on, when something is found, and at its end. */

/** As the user typed them. */
export interface SoakCommandOptions extends ConfigurationOptions {
  readonly for?: string;
  readonly rounds?: string;
  readonly firstRound?: string;
  readonly keepGoing?: boolean;
  /** False: every round on the scenario's own board and kernel configuration. */
  readonly draw?: boolean;
  readonly noise?: boolean;
  readonly stall?: string;
  readonly json?: boolean;
}

/** A soak as it was asked for. */
export interface SoakRequest {
  readonly plan: SoakPlan;
  /** As they were typed: what a command that goes on must repeat. */
  readonly options: SoakCommandOptions;
  readonly forMs?: number;
  readonly rounds?: number;
  readonly firstRound: number;
}

/** What decides the rounds, before the first one. */
export function planLines(request: SoakRequest): string[] {
  return Object.entries(planDocument(request)).map(([key, value]) => `  ${key.padEnd(15)}${asText(value)}`);
}

function asText(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function planDocument({ plan, options, forMs, rounds, firstRound }: SoakRequest): Record<string, unknown> {
  const fixed = Object.entries(plan.fixedKernel).map(([key, value]) => `${key} ${value}`);
  const boards = new Set(plan.candidates.map(({ board }) => boardText(board)));
  return {
    scenarios: plan.candidates.map(({ scenario }) => scenario.name),
    boards: plan.drawBoards ? 'drawn anew in every round' : [...boards],
    kernel: plan.drawKernel ? ['drawn anew in every round', ...fixed] : "each scenario's own",
    ...(forMs === undefined ? {} : { for: options.for ?? time(forMs) }),
    ...(rounds === undefined ? {} : { rounds }),
    ...(firstRound === 0 ? {} : { firstRound }),
    seed: plan.seed,
  };
}

function boardText(board: Board): string {
  return `${board.name} (${board.cpus.length} CPUs, ${board.granule}, ${formatSize(memoryBytes(board))})`;
}

/** The command line that runs one round again, or without one: that goes on from `round`. */
export function againCommand(request: SoakRequest, from: { readonly name?: string; readonly round: number }): string {
  const { plan, options } = request;
  const names = from.name === undefined ? plan.candidates.map(({ reference }) => reference.name) : [from.name];
  return [
    'asymmu soak',
    ...names,
    ...REPEATED.flatMap(([key, flag]) => (options[key] === undefined ? [] : [`${flag} ${options[key]}`])),
    ...(options.debugPagealloc ? ['--debug-pagealloc'] : []),
    ...(options.realm ? ['--realm'] : []),
    ...(options.preemptRt ? ['--preempt-rt'] : []),
    ...(options.draw === false ? ['--no-draw'] : []),
    ...(options.noise === false ? ['--no-noise'] : []),
    `--seed ${plan.seed}`,
    `--first-round ${from.round}`,
    ...(from.name === undefined ? [] : ['--rounds 1']),
  ].join(' ');
}

const REPEATED = [
  ['board', '--board'],
  ['cpus', '--cpus'],
  ['memory', '--memory'],
  ['granule', '--granule'],
  ['vaBits', '--va-bits'],
  ['revision', '--revision'],
  ['rodata', '--rodata'],
  ['kfence', '--kfence'],
  ['stall', '--stall'],
] as const satisfies readonly (readonly [keyof SoakCommandOptions, string])[];

/** A round that violated a property, as `asymmu run` reports it, and which round it was. */
export function roundReport(round: Round, outcome: RunOutcome, again: string, style: Style): string[] {
  const kernel = Object.entries(round.kernel).map(([key, value]) => `${key} ${value}`);
  return [
    '',
    style.strong(`round ${round.round}: ${round.scenario.name}`),
    ...describeBoard(round.board).map((line) => `  ${line}`),
    `    kernel        ${kernel.join(', ')}`,
    // A drawn board has no name that `run` knows, so the round is asked for by its number.
    ...runReport(round, outcome, style).map((line) => line.replace(command(round), again)),
  ];
}

/** Resident memory of the process, workers included, in bytes. */
export interface MemoryUse {
  readonly start: number;
  readonly max: number;
  readonly end: number;
}

/** The line that shows how a soak is getting on. */
export interface SoakProgress {
  round(round: Round, totals: SoakTotals): void;
  show(progress: Progress): void;
  /** Takes the line away, so that something else can be said. */
  clear(): void;
  memory(): MemoryUse;
}

const TERMINAL_EVERY_MS = 250;
const OTHERWISE_EVERY_MS = 10_000;

/** On a terminal one line, written over and over; elsewhere a line now and then. */
export function soakProgress(stream: WriteStream, { forMs }: SoakRequest): SoakProgress {
  const isTerminal = stream.isTTY === true;
  const everyMs = isTerminal ? TERMINAL_EVERY_MS : OTHERWISE_EVERY_MS;
  const began = performance.now();
  const start = process.memoryUsage.rss();
  let max = start;
  let round: Round | undefined;
  let totals: SoakTotals | undefined;
  let last = { at: began, accesses: 0, tlbis: 0 };
  let sampledAt = began;
  const sample = (): number => {
    const now = process.memoryUsage.rss();
    max = Math.max(max, now);
    return now;
  };
  return {
    round(next, sum) {
      round = next;
      totals = sum;
    },
    show({ machine }) {
      const now = performance.now();
      if (now - sampledAt >= TERMINAL_EVERY_MS) {
        sampledAt = now;
        sample();
      }
      if (now - last.at < everyMs || round === undefined || totals === undefined) return;
      const running = countsOf(machine);
      const at = {
        at: now,
        accesses: totals.counts.accesses + running.accesses,
        tlbis: totals.counts.tlbis + running.tlbis,
      };
      const perSecond = (count: number): number => (1000 * count) / (at.at - last.at);
      const line = [
        `round ${round.round}`,
        ...(totals.violated > 0 ? [`${totals.violated} violated`] : []),
        `${round.scenario.name} on ${boardText(round.board)}`,
        `${short(perSecond(at.accesses - last.accesses))} accesses/s`,
        `${short(perSecond(at.tlbis - last.tlbis))} TLBIs/s`,
        forMs === undefined ? time(now - began) : `${time(Math.max(0, forMs - (now - began)))} left`,
        `${megabytes(sample())} resident`,
      ].join(' · ');
      last = at;
      stream.write(isTerminal ? `\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`);
    },
    clear() {
      if (isTerminal) stream.write('\r\x1b[K');
    },
    memory() {
      const end = sample();
      return { start, max, end };
    },
  };
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

function unseenDangers({ dangers, good, violated }: SoakTotals): string[] {
  if (good + violated === 0) return [];
  return Object.keys(dangers).filter((name) => dangers[name] === 0);
}

export interface FoundViolation {
  readonly round: Round;
  readonly violations: readonly Violation[];
  readonly again: string;
}

/** The `--json` document. */
export function soakDocument(
  request: SoakRequest,
  totals: SoakTotals,
  found: readonly FoundViolation[],
  memory: MemoryUse,
  durationMs: number,
): Record<string, unknown> {
  return {
    command: 'soak',
    version: version(),
    config: planDocument(request),
    verdict: verdictOf(totals),
    reason: totals.ended,
    rounds: {
      first: request.firstRound,
      next: totals.nextRound,
      good: totals.good,
      violated: totals.violated,
      inconclusive: totals.inconclusive,
      cutShort: totals.cutShort,
    },
    violations: found.flatMap(({ round, violations, again }) =>
      violations.map((violation) => ({
        ...violation,
        round: round.round,
        scenario: round.scenario.name,
        board: boardText(round.board),
        seed: round.seed,
        kernel: round.kernel,
        again,
      })),
    ),
    counts: totals.counts,
    dangers: totals.dangers,
    unseen: unseenDangers(totals),
    boards: totals.boards.size,
    configurations: totals.configurations.size,
    memoryBytes: memory,
    durationMs: Math.round(durationMs),
  };
}

function counted(set: ReadonlySet<number>): string {
  return `${set.size >= MOST_COUNTED ? 'at least ' : ''}${set.size.toLocaleString('en-US')}`;
}

/** 1.2 k, 34 M. */
function short(value: number): string {
  for (const [unit, factor] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (value >= factor) return `${(value / factor).toFixed(value < 10 * factor ? 1 : 0)} ${unit}`;
  return value.toFixed(0);
}

/** h:mm:ss. */
function time(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
