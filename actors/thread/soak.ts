import { createActor, fromPromise, toPromise } from 'xstate';
import { type RoundInput, type RoundVerdict, type SummaryInput, soakMachine } from '../../machines/soak.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import { standardProperties } from '../../src/check/standard.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import type { Draw } from '../../src/hardware/board/board-draw.ts';
import { seededChooser, seedOf } from '../../src/hardware/chooser.ts';
import { COUNTERS, type Counts } from '../../src/hardware/counters.ts';
import { allocateBuffer } from '../../src/hardware/memory/memory.ts';
import { type Allocate, MAX_BUFFER_BYTES } from '../../src/hardware/system.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { type Progress, type RunOutcome, runBoard } from './board-run.ts';
import type { ScenarioReference } from './protocol.ts';
import type { Rack } from './rack.ts';
import { boardFor, drawKernel } from './soak-draw.ts';

/** Round after round on threads: what each round is, and how one follows another. */

/** A scenario that takes its turn, with the board and the kernel it has when nothing is drawn. */
export interface Candidate {
  readonly scenario: Scenario;
  readonly reference: ScenarioReference;
  readonly board: Board;
  readonly kernel: KernelConfig;
}

/** What decides every round of a soak. */
export interface SoakPlan {
  readonly seed: number;
  /** They take turns. */
  readonly candidates: readonly Candidate[];
  readonly drawBoards: boolean;
  readonly drawKernel: boolean;
  /** Parts of the kernel's configuration that are the same in every round although it is drawn. */
  readonly fixedKernel: Partial<KernelConfig>;
}

/** One round: all of it follows from the soak's seed, the round's number and its scenario. */
export interface Round extends Candidate {
  readonly round: number;
  readonly seed: number;
}

export function roundOf(plan: SoakPlan, round: number): Round {
  const candidate = plan.candidates[round % plan.candidates.length];
  if (candidate === undefined) throw new RangeError('a soak needs a scenario');
  const seed = seedOf(plan.seed, round);
  const choose = seededChooser(seedOf(seed, 1));
  const draw: Draw = (bound) => choose(bound, 'program');
  const drawn = drawKernel(draw); // drawn in any case, and first: the board does not depend on what was fixed
  const kernel = plan.drawKernel ? { ...drawn, ...candidate.scenario.kernel, ...plan.fixedKernel } : candidate.kernel;
  const board = plan.drawBoards ? boardFor(candidate, kernel, draw) : candidate.board;
  return { ...candidate, round, seed, kernel, board };
}

export interface SoakOptions {
  /** Most rounds; without it, until time is over. */
  readonly rounds?: number;
  readonly firstRound?: number;
  readonly forMs?: number;
  /** Goes on after a violation. */
  readonly keepGoing?: boolean;
  readonly noisy: boolean;
  readonly stallMs: (cpus: number) => number;
  readonly signal?: AbortSignal;
  readonly onRound?: (round: Round, totals: SoakTotals) => void;
  readonly onProgress?: (round: Round, progress: Progress) => void;
  /** Told of each round that reached a verdict. The outcome's machine is the next round's as soon as this returns. */
  readonly onOutcome?: (round: Round, outcome: RunOutcome) => void;
}

/** What a soak has to show for itself; it does not grow with the rounds. */
export interface SoakTotals {
  good: number;
  violated: number;
  inconclusive: number;
  /** 1 when the last round was stopped before its verdict. */
  cutShort: number;
  /** The round that a continuation begins with. */
  nextRound: number;
  readonly counts: Counts;
  /** For each danger (`sometimes`): in how many rounds it was seen. */
  readonly dangers: Record<string, number>;
  /** Of different boards and kernel configurations, hashed. */
  readonly boards: Set<number>;
  readonly configurations: Set<number>;
  ended: 'rounds' | 'time' | 'interrupted' | 'violation';
}

/** Past so many a set would only grow: then it says "at least". */
export const MOST_COUNTED = 10_000;

/** Runs the rounds. Rejects when a round cannot be run at all. */
export async function soak(rack: Rack, plan: SoakPlan, options: SoakOptions): Promise<SoakTotals> {
  const { firstRound = 0, rounds = Number.POSITIVE_INFINITY } = options;
  const totals = noTotals(firstRound);
  const clock = startClock(options.forMs);
  const driver: Driver = { rack, plan, options, totals, allocate: reusedBuffer(), over: clock.signal };
  try {
    // A violation is the end of a chart; whoever wants to go on begins another where it ended.
    do totals.ended = await oneChart(driver, { done: totals.nextRound, rounds: firstRound + rounds });
    while (totals.ended === 'violation' && options.keepGoing);
  } finally {
    clock.stop();
  }
  return totals;
}

interface Driver {
  readonly rack: Rack;
  readonly plan: SoakPlan;
  readonly options: SoakOptions;
  readonly totals: SoakTotals;
  readonly allocate: Allocate;
  /** Aborted when time is over. */
  readonly over: AbortSignal;
}

/** Rounds as the chart has them, up to its end. */
async function oneChart(driver: Driver, input: { done: number; rounds: number }): Promise<SoakTotals['ended']> {
  const { options, over } = driver;
  let underWay: Promise<RoundVerdict> | undefined;
  let broken: unknown;
  const noted = <T>(promise: Promise<T>): Promise<T> => {
    promise.catch((error: unknown) => {
      broken ??= error;
    });
    return promise;
  };
  const chart = createActor(
    soakMachine.provide({
      actors: {
        round: fromPromise<RoundVerdict, RoundInput>(({ input: { round }, signal }) => {
          const prepared = (): void => chart.send({ type: 'round.prepared' });
          const acted = (): void => chart.send({ type: 'round.acted' });
          underWay = noted(oneRound(driver, round, signal, { prepared, acted }));
          return underWay;
        }),
        // Whoever stops a round waits until its machine is at rest.
        summary: fromPromise<void, SummaryInput>(async () => {
          await underWay;
        }),
      },
    }),
    { input },
  );
  const interrupt = (): void => chart.send({ type: 'soak.cancelled' });
  const endTime = (): void => chart.send({ type: 'time.over' });
  const finished = toPromise(chart);
  options.signal?.addEventListener('abort', interrupt);
  over.addEventListener('abort', endTime);
  chart.start();
  chart.send({ type: over.aborted || options.signal?.aborted ? 'soak.cancelled' : 'soak.started' });
  await finished;
  options.signal?.removeEventListener('abort', interrupt);
  over.removeEventListener('abort', endTime);
  if (broken !== undefined) throw broken;
  if (statePath(chart.getSnapshot()) === 'failed') return 'violation';
  if (driver.totals.violated > 0 && !options.keepGoing) return 'violation'; // found by the round that was cut short
  return options.signal?.aborted ? 'interrupted' : over.aborted ? 'time' : 'rounds';
}

async function oneRound(
  { rack, plan, options, totals, allocate }: Driver,
  number: number,
  signal: AbortSignal,
  stage: { readonly prepared: () => void; readonly acted: () => void },
): Promise<RoundVerdict> {
  const round = roundOf(plan, number);
  options.onRound?.(round, totals);
  let isPrepared = false;
  const outcome = await runBoard(rack, {
    board: round.board,
    scenario: round.scenario,
    reference: round.reference,
    kernel: round.kernel,
    seed: round.seed,
    noisy: options.noisy,
    stallMs: options.stallMs(round.board.cpus.length),
    signal,
    allocate,
    onProgress: (progress) => {
      if (!isPrepared && !signal.aborted) stage.prepared();
      isPrepared = true;
      options.onProgress?.(round, progress);
    },
  });
  if (signal.aborted && outcome.verdict !== 'violated') {
    totals.cutShort++;
    addCounts(totals.counts, outcome.counts);
    return 'inconclusive';
  }
  if (!signal.aborted) stage.acted();
  addUp(totals, round, outcome);
  options.onOutcome?.(round, outcome);
  return outcome.verdict;
}

function noTotals(firstRound: number): SoakTotals {
  const dangers = standardProperties.filter(({ mood }) => mood === 'sometimes');
  return {
    good: 0,
    violated: 0,
    inconclusive: 0,
    cutShort: 0,
    nextRound: firstRound,
    counts: Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counts,
    dangers: Object.fromEntries(dangers.map(({ name }) => [name, 0])),
    boards: new Set(),
    configurations: new Set(),
    ended: 'rounds',
  };
}

function addUp(totals: SoakTotals, round: Round, { verdict, counts }: RunOutcome): void {
  totals[verdict]++;
  totals.nextRound = round.round + 1;
  addCounts(totals.counts, counts);
  for (const { name, seen } of [...standardProperties, ...(round.scenario.properties ?? [])])
    if (seen !== undefined) totals.dangers[name] = (totals.dangers[name] ?? 0) + (seen(counts) ? 1 : 0);
  const board = hashOf(JSON.stringify(round.board));
  if (totals.boards.size < MOST_COUNTED) totals.boards.add(board);
  const configuration = seedOf(board, hashOf(JSON.stringify(round.kernel)));
  if (totals.configurations.size < MOST_COUNTED) totals.configurations.add(configuration);
}

function addCounts(sum: Counts, counts: Counts): void {
  for (const name of COUNTERS) sum[name] += counts[name];
}

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/**
 * One buffer for all rounds, as large as the largest needed so far. Shared memory lies outside every heap, so no collector
 * feels any pressure to let go of old machines, and each holds on to 8 GiB of addresses: fresh ones run out after a few
 * thousand rounds.
 */
export function reusedBuffer(): Allocate {
  let buffer: SharedArrayBuffer | undefined;
  let dirtyBytes = 0;
  return (layout) => {
    if (buffer === undefined || buffer.byteLength < layout.totalBytes) {
      const twice = 2 * (buffer?.byteLength ?? 0);
      buffer = allocateBuffer({
        ...layout,
        totalBytes: Math.max(layout.totalBytes, Math.min(twice, MAX_BUFFER_BYTES)),
      });
    } else new Uint8Array(buffer, 0, dirtyBytes).fill(0);
    dirtyBytes = layout.totalBytes;
    return buffer;
  };
}

/** The longest time a timer can be set for, in ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A signal that is aborted after `ms`; never without. */
function startClock(ms: number | undefined): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const wait = (left: number): void => {
    const part = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > part ? wait(left - part) : controller.abort()), part);
  };
  if (ms !== undefined) wait(ms);
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}
