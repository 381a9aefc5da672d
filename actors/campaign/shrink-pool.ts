import { Piscina } from 'piscina';
import type { ShrinkTask, ShrunkRun } from './shrink-worker.ts';
import { workerFile } from './worker-file.ts';

/** What shrinking may take in all, in ms: its runs are counted, but on large boards each is long, and some have no end. */
export const LONGEST_SHRINK_MS = 60_000;

/** Makes the run small, in a worker. Undefined: the user, or the time, did not let it come to an end. */
export async function shrinkOnPool(task: ShrinkTask, signal: AbortSignal): Promise<ShrunkRun | undefined> {
  const pool = new Piscina<ShrinkTask, ShrunkRun>({ filename: workerFile('shrink-worker'), maxThreads: 1 });
  const patience = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_SHRINK_MS)]);
  try {
    return await pool.run(task, { signal: patience });
  } catch (thrown) {
    if (patience.aborted) return undefined;
    throw thrown;
  } finally {
    await pool.destroy();
  }
}
