import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { CAP_ABSENT, CAP_PRESENT } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig, Revision } from '../../../src/kernel/config.ts';
import { EBUSY } from '../../../src/kernel/errno.ts';
import { bootCpu, complete } from '../boot-cpu.ts';

interface Now {
  readonly requires?: boolean;
  readonly finalised?: boolean;
  readonly bbml2?: boolean;
  readonly allocator?: boolean;
  readonly online?: number;
}

/** What the filter of that revision says, in that state of the boot, and what it warns of. */
function asked(revision: Revision, now: Now = {}, config: Partial<KernelConfig> = {}) {
  const { cpu, k } = bootCpu(boardPresets.get('one-block')!, { ...config, revision });
  const { requires = true, finalised = false, bbml2 = true, allocator = true, online = 1 } = now;
  const { variables } = k.symbols;
  for (const [variable, value] of [
    ['linear_map_requires_bbml2', requires ? 1n : 0n],
    ['system_capabilities_finalized', finalised ? 1n : 0n],
    ['cpu_hwcaps_bbml2_noabort', bbml2 ? CAP_PRESENT : CAP_ABSENT],
    ['page_alloc_available', allocator ? 1n : 0n],
    ['num_online_cpus', BigInt(online)],
  ] as const)
    complete(store(cpu, variables[variable], value));
  const warnings: string[] = [];
  const watched = { ...cpu, observer: { ...nobody, warned: (_: unknown, by: string) => warnings.push(by) } };
  const va = physToVirt(k.space, 0x4020_3000);
  return { answer: complete(k.text.split.filter(watched, k, va)), warnings };
}

const goesOn = { answer: undefined, warnings: [] };
const nothingToDo = { answer: 0, warnings: [] };
const tooEarly = { answer: -EBUSY, warnings: ['split_kernel_leaf_mapping'] };

describe.each(['v4', 'v5', '6.18'] as const)('%s', (revision) => {
  test('goes on where the capabilities are final and all CPUs have BBML2, and nowhere else', () => {
    expect(asked(revision, { finalised: true })).toEqual(goesOn);
    expect(asked(revision, { finalised: true, bbml2: false })).toEqual(nothingToDo);
    for (const online of [0, 1, 2]) expect(asked(revision, { online })).toEqual(nothingToDo);
    expect(asked(revision, { allocator: false })).toEqual(nothingToDo);
  });

  test('does not ask whether the map has blocks', () => {
    expect(asked(revision, { finalised: true, requires: false })).toEqual(goesOn);
  });
});

test('debug_pagealloc maps pages: 6.18 has nothing to do, the series as posted takes its mutex', () => {
  expect(asked('6.18', { finalised: true }, { debugPagealloc: true })).toEqual(nothingToDo);
  expect(asked('v5', { finalised: true }, { debugPagealloc: true })).toEqual(goesOn);
});

describe.each(['7.1', '7.3', 'rox-rfc'] as const)('%s', (revision) => {
  test('has nothing to do where the map is not to be split, whatever else is known', () => {
    for (const finalised of [false, true])
      for (const online of [1, 2]) expect(asked(revision, { requires: false, finalised, online })).toEqual(nothingToDo);
  });

  test('goes on where all CPUs have BBML2, and has nothing to do after a repaint', () => {
    expect(asked(revision, { finalised: true, online: 4 })).toEqual(goesOn);
    expect(asked(revision, { finalised: true, bbml2: false, online: 4 })).toEqual(nothingToDo);
  });

  test('lets the boot CPU go on before the capabilities are final, while it is alone and memory can be had', () => {
    for (const online of [0, 1]) expect(asked(revision, { online })).toEqual(goesOn);
    expect(asked(revision, { allocator: false })).toEqual(tooEarly);
    expect(asked(revision, { online: 2 })).toEqual(tooEarly);
  });
});
