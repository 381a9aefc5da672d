import { Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { type WorkerGone, whenGone } from './guard.ts';
import type { CpuReport, CpuWorker } from './protocol.ts';
import { workerEntry } from './worker-entry.ts';

/** One worker thread, and how to talk to it. The endpoint lives as long as the slot: comlink drops replies otherwise. */
export interface Slot {
  readonly worker: Worker;
  readonly api: Comlink.Remote<CpuWorker>;
  readonly gone: Promise<WorkerGone>;
  onReport: (report: CpuReport) => void;
}

/** Worker threads that are used again from run to run: starting one costs more than a whole small run. */
export interface Rack {
  /** The slot of CPU `index`, started when it is first asked for. */
  slot(index: number): Slot;
  /** From here on nobody listens to what the CPU's worker posts. */
  quiet(index: number): void;
  /** Ends the worker of a CPU for good; the next `slot(index)` starts a new one. */
  discard(index: number): Promise<void>;
  /** Ends all workers. */
  close(): Promise<void>;
}

export async function openRack(): Promise<Rack> {
  const entry = await workerEntry();
  const slots: (Slot | undefined)[] = [];
  return {
    slot(index) {
      slots[index] ??= startSlot(entry, index);
      return slots[index];
    },
    quiet(index) {
      const slot = slots[index];
      if (slot !== undefined) slot.onReport = () => {};
    },
    async discard(index) {
      const slot = slots[index];
      slots[index] = undefined;
      await slot?.worker.terminate();
    },
    async close() {
      const all = slots.splice(0);
      await Promise.all(all.map((slot) => slot?.worker.terminate()));
    },
  };
}

function startSlot(entry: URL, index: number): Slot {
  // A CPU's heap is small: what it works on lies in the shared buffer.
  const worker = new Worker(startOf(entry), {
    eval: true,
    name: `cpu${index}`,
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 },
  });
  worker.setMaxListeners(0);
  const slot: Slot = {
    worker,
    api: Comlink.wrap<CpuWorker>(nodeEndpoint(worker)),
    gone: whenGone(worker),
    onReport: () => {},
  };
  worker.on('message', (message: CpuReport | { readonly id?: string }) => {
    if ('type' in message && (message.type === 'violation' || message.type === 'broken')) slot.onReport(message);
  });
  return slot;
}

/**
 * A thread has to ask for the cache of compiled code itself, before it loads anything: it spares each CPU of a large board
 * the compilation of what all of them run.
 */
function startOf(entry: URL): string {
  return `process.getBuiltinModule('node:module').enableCompileCache?.(); import(${JSON.stringify(entry.href)});`;
}
