import type { Program } from './scenario.ts';

/** One program after the other on the same CPU. */
export const sequence = (first: Program, second: Program): Program =>
  function* (cpu, k) {
    yield* first(cpu, k);
    yield* second(cpu, k);
  };
