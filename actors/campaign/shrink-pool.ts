import type { Explanation } from '../../src/explore/explain/explain.ts';
import { poolOf } from './pool.ts';
import { EXPLAIN, type ShrinkTask, type ShrunkRun } from './shrink-worker.ts';

/** What shrinking may take in all, in ms: its runs are counted, but on large boards each is long, and some have no end. */
export const LONGEST_SHRINK_MS = 60_000;
/** As long again may the search for what is missing take, which needs some thousand runs. */
export const LONGEST_EXPLAIN_MS = 60_000;

/** A run that was made small, and what it lacks; undefined: the user, or the time, did not let that come to an end. */
export interface SmallRun {
  readonly shrunk: ShrunkRun;
  readonly explanation: Explanation | undefined;
}

/** Makes the run small, in a worker. `progress`: told what it is at. Undefined as in `SmallRun`. */
export async function shrinkOnPool(
  task: ShrinkTask,
  signal: AbortSignal,
  progress: (at: string) => void,
): Promise<SmallRun | undefined> {
  const pool = poolOf<ShrinkTask | typeof EXPLAIN, ShrunkRun | Explanation>('shrink-worker', {
    maxThreads: 1,
    minThreads: 1,
    idleTimeout: LONGEST_SHRINK_MS, // what was made small is remembered by the thread that did it
  });
  const within = async <T>(what: typeof EXPLAIN | ShrinkTask, ms: number): Promise<T | undefined> => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    try {
      return (await pool.run(what, { signal: patience })) as T;
    } catch (thrown) {
      if (patience.aborted) return undefined;
      throw thrown;
    }
  };
  try {
    progress('shrinking');
    const shrunk = await within<ShrunkRun>(task, LONGEST_SHRINK_MS);
    if (shrunk === undefined) return undefined;
    progress('trying what is missing');
    return { shrunk, explanation: await within<Explanation>(EXPLAIN, LONGEST_EXPLAIN_MS) };
  } finally {
    await pool.destroy();
  }
}
