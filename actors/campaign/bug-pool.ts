import { Piscina } from 'piscina';
import type { Hunt } from './bug-hunt.ts';
import type { HuntTask } from './bug-worker.ts';
import { workerFile } from './worker-file.ts';

/** What one bug may take, in ms. */
export const LONGEST_HUNT_MS = 300_000;

/** Hunts bugs, `jobs` at once. `onHunt`: told of each as it ends; undefined where it was interrupted or took too long. */
export async function huntOnPool(
  tasks: readonly HuntTask[],
  jobs: number,
  signal: AbortSignal,
  onHunt: (name: string, hunt: Hunt | undefined) => void,
): Promise<void> {
  const pool = new Piscina<HuntTask, Hunt>({
    filename: workerFile('bug-worker'),
    minThreads: Math.min(jobs, tasks.length),
    maxThreads: jobs,
    concurrentTasksPerWorker: 1,
  });
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined && !signal.aborted; task = waiting.shift()) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_HUNT_MS)]);
      try {
        onHunt(task.name, await pool.run(task, { signal: patience }));
      } catch (thrown) {
        if (!patience.aborted) throw thrown;
        onHunt(task.name, undefined);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    await pool.destroy();
  }
}
