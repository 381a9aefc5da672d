import { describe, expect, test } from 'vitest';
import type { Granule } from '../../src/hardware/board.ts';
import { type KernelConfig, KFENCE, RELEASED, RODATA } from '../../src/kernel/config.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();
const good = catalogue.filter(({ expect: expected }) => expected === 'good');

/** What differs from another good one in a line that nobody misses: no option of the kernel comes near it. */
const isVariant = ({ name }: { readonly name: string }): boolean => name.includes('/');

/** Enough memory that each granule has a block beside the kernel image. */
const MEMORY = { '4K': 2 ** 28, '16K': 2 ** 28, '64K': 2 ** 30 } as const;
const GRANULES = ['4K', '16K', '64K'] as const satisfies Granule[];

/** Each value of each option once, the others as they are by default. */
const CONFIGS: readonly Partial<KernelConfig>[] = [
  ...KFENCE.map((kfence) => ({ kfence })),
  ...RODATA.map((rodata) => ({ rodata })),
  { rodata: 'off', debugPagealloc: true },
  { rodata: 'off', kfence: 'late' },
  { revision: '7.1', realm: true },
  { realm: true, debugPagealloc: true },
  ...(['v4', ...RELEASED, 'rox-rfc'] as const).map((revision) => ({ revision })),
  { revision: 'v4', rodata: 'noalias', kfence: 'late' },
];

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
