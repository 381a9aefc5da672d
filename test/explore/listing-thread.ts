import { parentPort } from 'node:worker_threads';
import { allOutcomes } from './small-outcomes.ts';
import type { ToList } from './thread-cpus.ts';

/** Lists outcomes on a thread of its own: a test's own thread runs instrumented code, many times slower. */
parentPort!.on('message', ({ program, mostSchedules, reduction }: ToList) =>
  parentPort!.postMessage(allOutcomes(program, mostSchedules, reduction)),
);
