import { availableParallelism } from 'node:os';
import { REVISIONS } from '../../src/kernel/config.ts';
import { searchOnPool } from '../campaign/search-pool.ts';
import { type ConfigurationOptions, resolvedLines, wholeNumber } from './configuration.ts';
import { version } from './document.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { explorationProblem } from './exploration-problem.ts';
import { asFound } from './explore-found.ts';
import { type ExploreOptions, requested } from './explore-request.ts';
import { interrupted } from './interrupted.ts';
import { cellText, matrixLines } from './matrix-text.ts';
import { statusLine } from './status-line.ts';
import { styleFor } from './style.ts';
import { usageError } from './usage-error.ts';

/** `asymmu matrix`: one scenario on every revision of the kernel and on one board after the other. */

/** A board, and what there is about its kernel that no board says. */
export interface Situation {
  readonly name: string;
  readonly board: string;
  readonly kernel: Pick<ConfigurationOptions, 'realm' | 'preemptRt'>;
}

/** One row for each way in which the CPUs of a board may differ, and for each kernel that takes another way through the boot. */
export const SITUATIONS: readonly Situation[] = [
  ...[
    'symmetric-8',
    'asymmetric-8',
    'plain-8',
    'little-boot-8',
    'mobile-8',
    'x4-r0p2',
    'c1-ultra-r1p0',
    'level1',
    'bbml3-4',
    'late-cpu',
  ].map((board) => ({ name: board, board, kernel: {} })),
  ...['symmetric-8', 'asymmetric-8'].flatMap((board) => [
    { name: `${board} (realm)`, board, kernel: { realm: true } },
    { name: `${board} (PREEMPT_RT)`, board, kernel: { preemptRt: true } },
  ]),
];

/** What a scenario came to on one board and revision. */
export interface Cell {
  readonly board: string;
  readonly revision: string;
  /** `good`, the property that was violated, or `inconclusive` where the search did not come to its end. */
  readonly found: string;
  readonly message: string;
  readonly schedules: number;
  readonly token?: string;
}

export interface MatrixOptions extends ConfigurationOptions {
  readonly boards?: string;
  readonly schedules?: string;
  readonly jobs?: string;
  readonly json?: boolean;
}

/** Returns the exit code: 1 where any cell is violated, 3 where one is inconclusive. */
export async function matrix(scenario: string, options: MatrixOptions): Promise<number> {
  const situations = situationsFor(options.boards);
  const revisions = options.revision === undefined ? REVISIONS : [options.revision];
  const schedules = options.schedules ?? '100';
  const { seed, reference } = (await requested(scenario, cellOptions(situations[0]!, revisions[0]!))).explored;
  const jobs = options.jobs === undefined ? availableParallelism() : wholeNumber('--jobs', options.jobs);
  const config = { scenario: reference.name, seed, schedules: Number(schedules), from: 'power-on', revisions };
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of resolvedLines({ ...config, revisions: revisions.join(' ') }, style.width)) say(line);
  const progress = statusLine(options.json ? process.stderr : process.stdout);
  const stop = interrupted();
  const wanted = situations.flatMap((situation) => revisions.map((revision) => ({ situation, revision })));
  const began = performance.now();
  const cells: Cell[] = [];
  const work = async (job: number): Promise<void> => {
    for (let at = job; at < wanted.length && !stop.signal.aborted; at += jobs) {
      const { situation, revision } = wanted[at]!;
      progress.say(`${cells.length} of ${wanted.length}: ${situation.name}, ${revision}`);
      cells[at] = await cellOf(scenario, situation, revision, stop.signal);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, jobs) }, (_, job) => work(job)));
  } finally {
    progress.clear();
    stop.dispose();
  }
  const done = cells.filter((cell) => cell !== undefined);
  const verdict = verdictOf(done, wanted.length);
  const durationMs = Math.round(performance.now() - began);
  const document = { command: 'matrix', version: version(), config, verdict, cells: done, durationMs };
  if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else for (const line of matrixLines(done, situations, revisions, style)) say(line);
  return EXIT[verdict];

  function cellOptions({ board, kernel }: Situation, revision: string): ExploreOptions {
    const { boards: _, json: __, jobs: ___, ...asked } = options;
    return { ...asked, ...kernel, board, revision, small: true, schedules, from: 'power-on', jobs: '1' };
  }

  async function cellOf(name: string, situation: Situation, revision: string, signal: AbortSignal): Promise<Cell> {
    const request = await requested(name, { ...cellOptions(situation, revision), seed: String(seed) });
    try {
      const result = await searchOnPool({
        exploration: request.explored.plan,
        strategy: request.strategy,
        options: request.options,
        keepGoing: false,
        coverage: false,
        schedules: request.schedules,
        jobs: 1,
        signal,
      });
      const [first] = result.found;
      const token = first && asFound(request, result.parameters, first).token;
      return { board: situation.name, revision, ...cellText(result), ...(token === undefined ? {} : { token }) };
    } catch (thrown) {
      throw explorationProblem(request.explored, thrown);
    }
  }
}

function situationsFor(boards: string | undefined): readonly Situation[] {
  if (boards === undefined) return SITUATIONS;
  return boards
    .split(',')
    .map((one) => one.trim())
    .flatMap((one) => {
      const known = SITUATIONS.filter(({ name, board }) => name === one || board === one);
      if (one === '') throw usageError('--boards: a name is missing');
      return known.length > 0 ? known : [{ name: one, board: one, kernel: {} }];
    });
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;

/** Cells that were not run, or not to their end, have shown nothing. */
function verdictOf(cells: readonly Cell[], wanted: number): keyof typeof EXIT {
  if (cells.some(({ found }) => found !== 'good' && found !== 'inconclusive')) return 'violated';
  return cells.length === wanted && cells.every(({ found }) => found === 'good') ? 'good' : 'inconclusive';
}
