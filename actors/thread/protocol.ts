import type { Violation } from '../../src/check/violation.ts';
import type { MachineHandle } from '../../src/hardware/system.ts';
import type { TraceRecord } from '../../src/hardware/trace.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';

/** What the main thread and the worker of one CPU say to each other. Bulk data lies in the shared buffer. */

/** A scenario as a worker finds it: by its catalogue name, or in a module of the user's. */
export interface ScenarioReference {
  readonly name: string;
  /** file: URL of the module that exports it by default; undefined for the catalogue. */
  readonly module?: string;
  /** In a checkout: file: URL of what the module gets when it imports 'asymmu'. */
  readonly library?: string | undefined;
}

export interface CpuAssignment {
  readonly cpu: number;
  readonly machine: MachineHandle;
  readonly scenario: ScenarioReference;
  readonly kernel: KernelConfig;
  readonly seed: number;
  /** Hold CPUs up now and then, at random. */
  readonly noisy: boolean;
  /** How many CPUs may be in a long burst at the same time. */
  readonly burstsAtOnce: number;
  /** How long a sleeping CPU goes without looking at the control words, in ms. */
  readonly sliceMs: number;
}

/** How a CPU's life ended. */
export interface CpuResult {
  readonly cpu: number;
  readonly state: string;
  /** `done`: its work is finished; `stopped`: told to stop before that; `halted`: an exception nobody handled. */
  readonly end: 'done' | 'stopped' | 'halted' | 'refused';
  readonly events: number;
}

/** The worker's side, exposed through comlink. */
export interface CpuWorker {
  /** Answers once the worker is up. */
  ping(): Promise<void>;
  /** Attaches to the machine. Rejects when the scenario's module cannot be loaded. */
  prepare(assignment: CpuAssignment): Promise<void>;
  /** Runs until the machine stops. */
  run(): Promise<CpuResult>;
}

/** What a worker posts on its own, at once. */
export type CpuReport =
  | { readonly type: 'violation'; readonly violation: Violation; readonly trace: readonly TraceRecord[] }
  | { readonly type: 'broken'; readonly message: string };

/** Values of the status word of a CPU (`CPU_STATUS`). */
export const STATUS_OFF = 0;
export const STATUS_RUNNING = 1;
export const STATUS_WAITING = 2;
export const STATUS_HALTED = 3;
export const STATUS_DONE = 4;
