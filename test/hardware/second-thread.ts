import { Worker } from 'node:worker_threads';
import { handleOf, type Machine, type MachineHandle } from '../../src/hardware/system.ts';

/** What the second thread of a test does, until the first tells it to stop. */
export type Task =
  /** Stores one pattern, then the other, then the first again. */
  | { readonly kind: 'alternate'; readonly pa: number; readonly patterns: readonly [bigint, bigint] }
  /** Reads through its own TLB; with `lookAgain` false, without asking whether a completion overtook it. */
  | {
      readonly kind: 'read';
      readonly root: number;
      readonly va: number;
      readonly wrong: bigint;
      readonly lookAgain: boolean;
    }
  /** Holds a hazard until a completion has been published, and some time longer. */
  | { readonly kind: 'hazard'; readonly root: number; readonly hold: boolean };

/** Words that the two threads share: what the first asks, and what the second has to say. */
export const STOP = 0;
export const READY = 1;
export const ROUNDS = 2;
export const WRONG = 3;
export const REDONE = 4;
export const LEFT = 5;
export const SIGNALS = 8;

export interface Assignment {
  readonly task: Task;
  readonly handle: MachineHandle;
  readonly signals: Int32Array;
}

/**
 * Runs `first` on this thread while another runs `task`. The other is told to stop when `first` has returned, and
 * awaited.
 */
export async function beside(machine: Machine, task: Task, first: (signals: Int32Array) => void): Promise<Int32Array> {
  const signals = new Int32Array(new SharedArrayBuffer(SIGNALS * 4));
  const workerData: Assignment = { task, handle: handleOf(machine), signals };
  const worker = new Worker(new URL('./side-cpu.ts', import.meta.url), { workerData });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('online', () => resolve());
    worker.once('error', reject);
  });
  try {
    first(signals);
  } finally {
    Atomics.store(signals, STOP, 1);
    Atomics.notify(signals, STOP);
    await ended;
  }
  return signals;
}
