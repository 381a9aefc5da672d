import { poolOf } from './pool.ts';

/** What one task may take where nobody says, in ms. */
export const LONGEST_TASK_MS = 300_000;

/** Tasks of which each is one worker's alone: `jobs` at once, and none for ever. */
export interface Tasks<Task, Result> {
  /** The worker, a file of this folder without its extension. */
  readonly worker: string;
  readonly tasks: readonly Task[];
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly longestMs?: number;
  /** Told as a task is begun. */
  readonly onBegin?: (task: Task) => void;
  /** Told as it ends; undefined where it was interrupted or took too long. */
  readonly onResult: (task: Task, result: Result | undefined) => void;
}

/** Runs them. Rejects with what a worker throws. */
export async function eachOnPool<Task, Result>({
  worker,
  tasks,
  jobs,
  signal,
  longestMs = LONGEST_TASK_MS,
  onBegin,
  onResult,
}: Tasks<Task, Result>): Promise<void> {
  const threads = Math.max(1, Math.min(jobs, tasks.length));
  const pool = poolOf<Task, Result>(worker, {
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
  });
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined && !signal.aborted; task = waiting.shift()) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(longestMs)]);
      onBegin?.(task);
      try {
        onResult(task, await pool.run(task, { signal: patience }));
      } catch (thrown) {
        if (!patience.aborted) throw thrown;
        onResult(task, undefined);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    await pool.destroy();
  }
}
