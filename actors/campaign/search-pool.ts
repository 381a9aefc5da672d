import { type Coverage, NOTHING_COVERED, sumOf } from '../../src/explore/coverage/coverage.ts';
import { type Discovery, discovery } from '../../src/explore/coverage/discovery.ts';
import { type Done, NOTHING_DONE, readCheckpoint } from './checkpoint-file.ts';
import { poolOf } from './pool.ts';
import type { FoundRun, RangeResult } from './range.ts';
import { MOST_SCHEDULES, type SearchPlan, WORD_BEATS, WORD_ENDS_BEFORE } from './search-plan.ts';
import type { SearchTask } from './search-worker.ts';

/** A search shared out over workers, so that what it comes to depends on schedules and seed alone, not on their number. */

export interface SearchRequest extends Omit<SearchPlan, 'words'> {
  /** The budget. */
  readonly schedules: number;
  readonly forMs?: number;
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** How long a worker may be silent, in ms, before it is given up: a schedule takes milliseconds. */
  readonly hungAfterMs?: number;
  /** Told now and then. */
  readonly onProgress?: (progress: SearchProgress) => void;
}

export interface SearchProgress {
  /** Schedules that were run, whether or not they will count in the end. */
  readonly schedules: number;
  readonly elapsedMs: number;
}

export const ENDINGS = ['violation', 'exhausted', 'schedules', 'time', 'interrupted', 'hung'] as const;

/** What a search came to: all schedules from 0 on, up to the first violation where the search was to stop there. */
export interface SearchResult {
  readonly ended: (typeof ENDINGS)[number];
  readonly schedules: number;
  /** What of all this had been done before, by the search that this one goes on with. */
  readonly before: Done;
  readonly points: number;
  readonly givenUp: number;
  /** Schedules that were cut short, because another one tells the same story. */
  readonly cut: number;
  readonly found: readonly FoundRun[];
  readonly dangers: readonly number[];
  /** What the strategy depends on beside the seed; unknown where no range came to an end. */
  readonly parameters: readonly number[];
  readonly discovery: Discovery;
  /** What the schedules covered; of none where nobody wanted to know. */
  readonly coverage: Coverage;
  /** The schedule that came to no end, if there was one. */
  readonly hung?: number;
  readonly elapsedMs: number;
}

const SCHEDULES_AT_ONCE = 32;
const LOOK_EVERY_MS = 250;
/** How long a worker may go on with its schedule when the user has had enough, in ms. */
const GRACE_MS = 1000;
export const HUNG_AFTER_MS = 30_000;

export async function searchOnPool(request: SearchRequest): Promise<SearchResult> {
  const { exploration, strategy, options, keepGoing, coverage, schedules, jobs, checkpointFile } = request;
  const began = performance.now();
  const words = new Int32Array(new SharedArrayBuffer(4 * (WORD_BEATS + jobs)));
  words[WORD_ENDS_BEFORE] = Math.min(schedules, MOST_SCHEDULES);
  const plan: SearchPlan = {
    exploration,
    strategy,
    options,
    keepGoing,
    coverage,
    words,
    ...(checkpointFile === undefined ? {} : { checkpointFile }),
  };
  const before =
    (checkpointFile === undefined ? undefined : readCheckpoint(checkpointFile, plan)?.done) ?? NOTHING_DONE;
  const pool = poolOf<SearchTask, RangeResult>('search-worker', {
    minThreads: jobs,
    maxThreads: jobs,
    concurrentTasksPerWorker: 1,
    workerData: plan,
  });
  const sum = inOrder(before);
  const watch = watchJobs(words, jobs, request.hungAfterMs ?? HUNG_AFTER_MS);
  let next = before.schedules;
  let stopped: 'time' | 'interrupted' | undefined;
  const endBefore = (schedule: number): void => {
    if (schedule < words[WORD_ENDS_BEFORE]!) Atomics.store(words, WORD_ENDS_BEFORE, schedule);
  };
  const stop = (why: 'time' | 'interrupted'): void => {
    stopped ??= why;
    endBefore(0);
  };
  const interrupt = (): void => {
    stop('interrupted');
    setTimeout(watch.abandon, GRACE_MS).unref();
  };
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - began;
    request.onProgress?.({ schedules: watch.beats(), elapsedMs });
    if (request.forMs !== undefined && elapsedMs >= request.forMs) stop('time');
    watch.look();
  }, LOOK_EVERY_MS);
  request.signal.addEventListener('abort', interrupt);
  if (request.signal.aborted) interrupt();

  const work = async (job: number): Promise<void> => {
    while (next < words[WORD_ENDS_BEFORE]!) {
      const task = { job, from: next, to: Math.min(next + SCHEDULES_AT_ONCE, schedules) };
      next = task.to;
      const result = await pool.run(task, { signal: watch.started(job, task.from) });
      watch.ended(job);
      sum.add(result);
      const [first] = result.found;
      if (first !== undefined && !keepGoing) endBefore(first.index + 1);
      if (result.exhausted) endBefore(result.from + result.schedules);
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
  } catch (thrown) {
    if (watch.hung() === undefined && !watch.abandoned()) throw thrown;
  } finally {
    clearInterval(timer);
    request.signal.removeEventListener('abort', interrupt);
    await pool.destroy();
  }
  const total = sum.total();
  const hung = watch.hung();
  const violated = total.found.length > 0 && !keepGoing;
  const why = total.exhausted ? 'exhausted' : 'schedules';
  const ended = violated ? 'violation' : hung !== undefined ? 'hung' : (stopped ?? why);
  return {
    ...total,
    before,
    ended,
    ...(hung === undefined ? {} : { hung }),
    elapsedMs: performance.now() - began,
  };
}

/** Adds results up in the order of their schedules, whenever they come. */
function inOrder(before: Done) {
  const waiting = new Map<number, RangeResult>();
  const known = discovery();
  const dangers = [...before.dangers];
  const found: FoundRun[] = [];
  let parameters: readonly number[] = [];
  let coverage = NOTHING_COVERED;
  let { schedules, points, givenUp, cut } = before;
  let exhausted = false;
  const take = (result: RangeResult): void => {
    schedules += result.schedules;
    points += result.points;
    givenUp += result.givenUp;
    cut += result.cut;
    exhausted ||= result.exhausted;
    found.push(...result.found);
    if (result.coverage !== undefined) coverage = sumOf(coverage, result.coverage);
    for (const { index, situations } of result.news) known.add(index, situations);
    for (const [danger, count] of result.dangers.entries()) dangers[danger]! += count;
  };
  return {
    add(result: RangeResult): void {
      parameters = result.parameters;
      waiting.set(result.from, result);
      // A range that was broken off ends it: nothing behind it counts.
      for (let one = waiting.get(schedules); one !== undefined; one = waiting.get(schedules)) {
        waiting.delete(one.from);
        take(one);
        if (one.from + one.schedules < one.to) break;
      }
    },
    /** A violation behind the end does not count towards it, but is one. */
    total() {
      const beyond = [...waiting.values()].flatMap((result) => result.found).sort((a, b) => a.index - b.index);
      const all = found.length > 0 ? found : beyond;
      return {
        schedules,
        points,
        givenUp,
        cut,
        exhausted,
        found: all,
        dangers,
        parameters,
        discovery: known,
        coverage,
      };
    },
  };
}

/** Sees to it that every job that has something to do gets somewhere. */
function watchJobs(words: Int32Array, jobs: number, hungAfterMs: number) {
  const running = new Map<number, { from: number; beats: number; since: number; abort: AbortController }>();
  const before = new Int32Array(jobs);
  let hung: number | undefined;
  let abandoned = false;
  const beatsOf = (job: number): number => Atomics.load(words, WORD_BEATS + job);
  return {
    started(job: number, from: number): AbortSignal {
      const abort = new AbortController();
      before[job] = beatsOf(job);
      running.set(job, { from, beats: beatsOf(job), since: performance.now(), abort });
      return abort.signal;
    },
    ended(job: number): void {
      running.delete(job);
    },
    look(): void {
      for (const [job, one] of running) {
        const beats = beatsOf(job);
        if (beats !== one.beats) Object.assign(one, { beats, since: performance.now() });
        else if (performance.now() - one.since > hungAfterMs) {
          hung = Math.min(hung ?? Number.POSITIVE_INFINITY, one.from + beats - before[job]!);
          one.abort.abort();
        }
      }
    },
    /** Ends whatever still runs. */
    abandon(): void {
      abandoned = running.size > 0;
      for (const { abort } of running.values()) abort.abort();
    },
    abandoned: () => abandoned,
    beats: () => Array.from({ length: jobs }, (_, job) => beatsOf(job)).reduce((sum, beats) => sum + beats, 0),
    hung: () => hung,
  };
}
