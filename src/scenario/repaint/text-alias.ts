import { defineScenario } from '../scenario.ts';

/** Once all CPUs are up the linear alias of the kernel's text becomes read-only: what TLBs have of it until then is writable. */
export const textAliasNotFlushed = defineScenario({
  name: 'repaint/text-alias-not-flushed',
  summary:
    "the linear alias of the kernel's text becomes read-only, and nobody flushes it: who has it cached can write to text",
  board: 'asymmetric-8',
  expect: 'stale',
  text: (good) => ({ ...good, linearMap: { ...good.linearMap, *flush() {} } }),
});
