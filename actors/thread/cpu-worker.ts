import { type MessagePort, parentPort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { CpuLife } from './cpu-life.ts';
import type { CpuWorker } from './protocol.ts';

/** Entry of a CPU's worker thread: exposes one CPU's life to the main thread. */

let life: CpuLife | undefined;

const worker: CpuWorker = {
  async ping() {},
  async prepare(assignment) {
    life = await CpuLife.prepare(assignment, (report) => parentPort?.postMessage(report));
  },
  async run() {
    if (life === undefined) throw new Error('run() before prepare()');
    try {
      return life.run();
    } finally {
      life = undefined; // the next round brings its own machine
    }
  },
};

Comlink.expose(worker, nodeEndpoint(parentPort as MessagePort));
