import { describe, expect, test } from 'vitest';
import type { Granule } from '../../src/hardware/board/board.ts';
import { CONFIGS, good, MEMORY } from './good-scenarios.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();

/** What differs from another good one in a line that nobody misses: no option of the kernel comes near it. */
const isVariant = ({ name }: { readonly name: string }): boolean => name.includes('/');

const GRANULES = ['4K', '16K', '64K'] as const satisfies Granule[];

/** The series as posted took a mutex in softirqs: what its kernels do is in test/scenario/hotplug/kfence.test.ts. */
const NOT_AS_POSTED = ['kfence', 'debug-pagealloc'];

test.each(good.filter(isVariant))('nothing is violated by $name', async (scenario) => {
  const outcome = await run(scenario);
  expect(complaints(outcome)).toEqual([]);
  expect(outcome.verdict).toBe('good');
});

describe.each(good.filter((scenario) => !isVariant(scenario)))('nothing is violated by $name', (scenario) => {
  test.each(GRANULES)('with any option of the kernel, %s granule', async (granule) => {
    // A board that a scenario brings along is made for its granule: the one most like it.
    const wanted = typeof scenario.board === 'string' ? scenario.board : 'symmetric-8';
    const board = smallBoard(wanted, { granule, memoryBytes: MEMORY[granule] });
    for (const [index, kernel] of CONFIGS.entries()) {
      if (Object.keys(kernel).some((key) => key in (scenario.kernel ?? {}))) continue; // what it is about is not varied
      if (kernel.revision === 'v4' && NOT_AS_POSTED.includes(scenario.name)) continue;
      const outcome = await run(scenario, { board, kernel, seed: 100 + index });
      expect(complaints(outcome), JSON.stringify(kernel)).toEqual([]);
      expect(outcome.verdict).toBe('good');
    }
  });

  test.each([39, 48] as const)('with %i bits of virtual address', async (vaBits) => {
    const board = smallBoard(scenario.board, { vaBits });
    const outcome = await run(scenario, { board });
    expect(complaints(outcome)).toEqual([]);
    expect(outcome.verdict).toBe('good');
  });
});
