declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { MessagePort, Worker } from 'node:worker_threads';
  import type { Endpoint } from 'comlink';

  /** Wraps a worker_threads port or worker so that comlink can use it. */
  export default function nodeEndpoint(port: MessagePort | Worker): Endpoint;
}
