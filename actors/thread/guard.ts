import type { Worker } from 'node:worker_threads';

/** A worker that ended before it answered. */
export interface WorkerGone {
  readonly gone: true;
  readonly why: string;
}

/** Resolves when the worker ends, with the reason; never rejects. */
export function whenGone(worker: Worker): Promise<WorkerGone> {
  return new Promise((resolve) => {
    worker.once('error', (error) =>
      resolve({ gone: true, why: error instanceof Error ? error.message : String(error) }),
    );
    worker.once('exit', (code) => resolve({ gone: true, why: `it ended with code ${code}` }));
  });
}

/** A call into a worker never settles once the worker has ended: whichever comes first wins. */
export async function guarded<T>(call: Promise<T>, gone: Promise<WorkerGone>): Promise<T | WorkerGone> {
  return Promise.race([call, gone]);
}

export function isGone(value: unknown): value is WorkerGone {
  return typeof value === 'object' && value !== null && 'gone' in value;
}
