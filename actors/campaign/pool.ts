import { Piscina } from 'piscina';
import { workerFile } from './worker-file.ts';

type Options = Omit<NonNullable<ConstructorParameters<typeof Piscina>[0]>, 'filename' | 'argv'>;

/** A pool of workers, each of which does what the default export of `worker` does, a file of this folder. */
export function poolOf<Task, Result>(worker: string, options: Options): Piscina<Task, Result> {
  return new Piscina<Task, Result>({ ...options, filename: workerFile('pool-worker'), argv: [worker] });
}
