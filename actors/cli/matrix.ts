import type { Searched } from '../../src/explore/strategy/search.ts';
import { REVISIONS } from '../../src/kernel/config.ts';
import type { CellTask } from '../campaign/cell-worker.ts';
import { eachOnPool } from '../campaign/each-on-pool.ts';
import { type ConfigurationOptions, resolvedLines } from './configuration/configuration.ts';
import { seedFrom } from './configuration/quantity.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { explorationProblem } from './explore/exploration-problem.ts';
import { tokenOf } from './explore/explore-found.ts';
import { type ExploreRequest, requested } from './explore/explore-request.ts';
import { type Cell, matrixLines } from './matrix-text.ts';
import { interrupted } from './terminal/interrupted.ts';
import { statusLine } from './terminal/status-line.ts';
import { styleFor } from './terminal/style.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

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

export interface MatrixOptions extends ConfigurationOptions {
  readonly boards?: string;
  readonly schedules?: string;
  readonly jobs?: string;
  readonly json?: boolean;
}

/** Returns the exit code: 1 where any cell is violated, 3 where one is inconclusive. */
export async function matrix(scenario: string, options: MatrixOptions): Promise<number> {
  const style = styleFor(process.stdout);
  const wanted = await wantedCells(scenario, options);
  const { explored, schedules, jobs } = wanted[0]!.request;
  const revisions = [...new Set(wanted.map(({ revision }) => revision))];
  const config = {
    scenario: explored.reference.name,
    seed: explored.seed,
    schedules,
    from: explored.plan.from,
    revisions,
    small: true,
  };
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  const { small: _, ...shown } = config;
  for (const line of resolvedLines({ ...shown, revisions: revisions.join(' ') }, style.width)) say(line);
  const { cpus = 'at most four', memory = 'four blocks' } = options;
  say(`  each board as --small makes it: its mix of CPUs, ${cpus}, and ${memory} of memory`);
  const stop = interrupted();
  const progress = statusLine(options.json ? process.stderr : process.stdout);
  const began = performance.now();
  const cells = new Map<Wanted, Cell>();
  try {
    await eachOnPool<CellTask & { readonly at: number }, Searched>({
      worker: 'cell-worker',
      tasks: wanted.map(({ request }, at) => ({ at, plan: request.explored.plan, seed: explored.seed, schedules })),
      jobs,
      signal: stop.signal,
      onBegin: ({ at }) =>
        progress.say(`${cells.size} of ${wanted.length}: ${wanted[at]!.board}, ${wanted[at]!.revision}`),
      onResult({ at }, searched) {
        cells.set(wanted[at]!, cellOf(wanted[at]!, searched));
      },
    });
  } catch (thrown) {
    throw explorationProblem(explored, thrown);
  } finally {
    progress.clear();
    stop.dispose();
  }
  const done = wanted.flatMap((one) => cells.get(one) ?? []);
  const verdict = verdictOf(done, wanted.length);
  const durationMs = Math.round(performance.now() - began);
  const document = { command: 'matrix', version: version(), config, verdict, cells: done, durationMs };
  if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else
    for (const line of matrixLines(done, [...new Set(wanted.map(({ board }) => board))], revisions, style)) say(line);
  const { expect } = explored.scenario;
  if (expect !== 'good') say(`  a bad twin, which ${expect} should catch; good: it was not caught there`);
  return EXIT[verdict];
}

/** A cell that is to be filled. */
interface Wanted {
  readonly board: string;
  readonly revision: string;
  readonly request: ExploreRequest;
}

/** Throws usage errors. All cells have one seed, drawn if nobody gives it. */
async function wantedCells(scenario: string, options: MatrixOptions): Promise<Wanted[]> {
  const { boards, json: _, ...asked } = options;
  const seed = String(seedFrom(options.seed));
  const wanted: Wanted[] = [];
  for (const { name, board, kernel } of situationsFor(boards, options))
    for (const revision of options.revision === undefined ? REVISIONS : [options.revision]) {
      const cell = { ...asked, ...kernel, board, revision, seed, small: true, from: 'power-on' };
      wanted.push({ board: name, revision, request: await requested(scenario, { schedules: '100', ...cell }) });
    }
  return wanted;
}

function cellOf({ board, revision, request }: Wanted, searched: Searched | undefined): Cell {
  const found = searched?.found;
  const violation = found?.run.violations[0];
  const schedules = searched?.schedules ?? 0;
  if (found === undefined || violation === undefined)
    return { board, revision, found: searched === undefined ? 'inconclusive' : 'good', message: '', schedules };
  const { seed } = request.explored;
  const schedule = { kind: 'drawn', strategy: 'random', parameters: [], seed, index: found.index } as const;
  const token = tokenOf(request.explored, schedule, found.run);
  return { board, revision, found: violation.property, message: violation.message, schedules, token };
}

/** Rows, each once; where all kernels are of a kind, there are no rows of that kind by itself. */
function situationsFor(boards: string | undefined, { realm, preemptRt }: MatrixOptions): readonly Situation[] {
  const usual = SITUATIONS.filter(({ kernel }) => !(realm && kernel.realm) && !(preemptRt && kernel.preemptRt));
  if (boards === undefined) return usual;
  const asked = boards
    .split(',')
    .map((one) => one.trim())
    .flatMap((one) => {
      if (one === '') throw usageError('--boards: a name is missing');
      const row = SITUATIONS.find(({ name, board }) => name === one && name !== board);
      if (row !== undefined) return usual.includes(row) ? [row] : usual.filter(({ name }) => name === row.board);
      const rows = usual.filter(({ board }) => board === one);
      return rows.length > 0 ? rows : [{ name: one, board: one, kernel: {} }];
    });
  return [...new Map(asked.map((each) => [each.name, each])).values()];
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;

/** Cells that were not run, or not to their end, have shown nothing. */
function verdictOf(cells: readonly Cell[], wanted: number): keyof typeof EXIT {
  if (cells.some(({ found }) => found !== 'good' && found !== 'inconclusive')) return 'violated';
  return cells.length === wanted && cells.every(({ found }) => found === 'good') ? 'good' : 'inconclusive';
}
