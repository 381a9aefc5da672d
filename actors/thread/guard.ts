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

/** Who waits for a worker right now, and what they are told once it has ended. */
interface Waiters {
  readonly waiting: Set<(gone: WorkerGone) => void>;
  ended: WorkerGone | undefined;
}

const waitersFor = new WeakMap<Promise<WorkerGone>, Waiters>();

/**
 * A call into a worker never settles once the worker has ended: whichever comes first wins. Not Promise.race: `gone`
 * lives as long as the worker and would remember every call ever made.
 */
export function guarded<T>(call: Promise<T>, gone: Promise<WorkerGone>): Promise<T | WorkerGone> {
  return new Promise((resolve, reject) => {
    const waiters = waitersOf(gone);
    if (waiters.ended !== undefined) return resolve(waiters.ended);
    waiters.waiting.add(resolve);
    const done = (): void => {
      waiters.waiting.delete(resolve);
    };
    call.then(resolve, reject).then(done, done);
  });
}

function waitersOf(gone: Promise<WorkerGone>): Waiters {
  const known = waitersFor.get(gone);
  if (known !== undefined) return known;
  const waiters: Waiters = { waiting: new Set(), ended: undefined };
  waitersFor.set(gone, waiters);
  gone.then((why) => {
    waiters.ended = why;
    for (const tell of waiters.waiting) tell(why);
    waiters.waiting.clear();
  });
  return waiters;
}

export function isGone(value: unknown): value is WorkerGone {
  return typeof value === 'object' && value !== null && 'gone' in value;
}
