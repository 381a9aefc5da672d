import type { Program } from './scenario.ts';

/** One program after the other on the same CPU. */
export const sequence = (...programs: readonly Program[]): Program =>
  function* (cpu, k) {
    for (const program of programs) yield* program(cpu, k);
  };
