import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Bounds } from '../../src/explore/strategy/exhaustive.ts';
import { createMachine, handleOf, type MachineHandle } from '../../src/hardware/system.ts';
import { loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { type Listed, outcomeText } from './small-outcomes.ts';
import { boardOf, MOST_CPUS, prepare, type SmallProgram, type Twist } from './small-program.ts';

/** Words of the gate that CPUs on threads start at: how many have come to it, how often it has opened, whether one died. */
export const ARRIVED = 0;
export const GATE = 16;
export const STOP = 32;

/** Whoever has not answered by then never will. */
const MOST_MS = 60_000;

export interface CpuAssignment {
  readonly handle: MachineHandle;
  readonly id: number;
  readonly gate: Int32Array;
}

export interface Rounds {
  readonly program: SmallProgram;
  readonly rounds: number;
  readonly seed: number;
  readonly twist: Twist;
}

/** By round: what this CPU saw, and (CPU 0) what memory held in the end. */
export interface Seen {
  readonly registers: readonly string[];
  readonly memories: readonly string[];
}

export interface ToList {
  readonly program: SmallProgram;
  readonly mostSchedules: number;
  readonly reduction?: Bounds['reduction'];
}

/** CPUs on real threads that live through many small programs. */
export interface ThreadCpus {
  /** All outcomes, by exhaustive search. */
  readonly list: (toList: ToList) => Promise<Listed>;
  /** How often each outcome came in so many rounds. Rejects when a CPU cannot go on. */
  readonly run: (rounds: Rounds) => Promise<Map<string, number>>;
  readonly close: () => Promise<void>;
}

export async function openCpus(): Promise<ThreadCpus> {
  const board = boardOf(MOST_CPUS);
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  prepare(machine, createKernel(board, machine.layout, DEFAULT_CONFIG, kernelText('6.18')));
  const gate = new Int32Array(new SharedArrayBuffer(64 * 4));
  const workers = board.cpus.map((_, id) => {
    const workerData: CpuAssignment = { handle: handleOf(machine), id, gate };
    return new Worker(new URL('./thread-cpu.ts', import.meta.url), { workerData });
  });
  const answers = (some: readonly Worker[]): Promise<unknown[]> =>
    Promise.all(
      some.map(async (worker) => (await once(worker, 'message', { signal: AbortSignal.timeout(MOST_MS) }))[0]),
    );
  await answers(workers);
  const lister = new Worker(new URL('./listing-thread.ts', import.meta.url));
  return {
    async list(toList) {
      const listed = answers([lister]);
      lister.postMessage(toList);
      return (await listed)[0] as Listed;
    },
    async run(rounds) {
      const busy = workers.slice(0, rounds.program.length);
      const answered = answers(busy);
      for (const worker of busy) worker.postMessage(rounds);
      const seen = (await answered) as Seen[];
      const times = new Map<string, number>();
      for (let round = 0; round < rounds.rounds; round++) {
        const registers = seen.map((cpu) => cpu.registers[round]!);
        const outcome = outcomeText(registers, seen[0]!.memories[round]!);
        times.set(outcome, (times.get(outcome) ?? 0) + 1);
      }
      return times;
    },
    async close() {
      await Promise.all([...workers, lister].map((worker) => worker.terminate()));
    },
  };
}
