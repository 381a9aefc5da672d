import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { ACCESSES } from '../../../src/hardware/counters.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { freePagesPrepare, postAllocHook } from '../../../src/kernel/linear-map/debug-pagealloc.ts';
import { setMemoryValid } from '../../../src/kernel/linear-map/pageattr.ts';
import { irqEnter, irqExit } from '../../../src/kernel/locking/preempt.ts';
import { enterLazyMmuMode, leaveLazyMmuMode } from '../../../src/kernel/tables/lazy-mmu.ts';
import { PAGE_KERNEL_TAGGED, PTE_PRESENT_INVALID, PTE_VALID } from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { maintenance, recorded } from '../recorded.ts';

type Rig = Booted & { readonly va: number; readonly pa: number; readonly page: number };

/** Free pages in the middle of RAM. */
function rig(config: Partial<KernelConfig> = { debugPagealloc: true }): Rig {
  const booted = bootCpu(resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 2 ** 30 }), config);
  const { cpu, k } = booted;
  complete(finaliseSystemCapabilities(cpu, k));
  const pa = 0x6800_0000;
  return { ...booted, pa, va: physToVirt(k.space, pa), page: k.space.granule.pageBytes };
}

const values = (it: Rig, pages: number): bigint[] =>
  Array.from({ length: pages }, (_, i) => leafOf(it, it.va + i * it.page).value - BigInt(i * it.page));

const FLUSH_OF_3 = ['dsb ishst', 'tlbi rvaale1is', 'tlbi vaale1is', 'dsb ish', 'isb'];

describe.each(['6.18', '7.1'] as const)('debug_pagealloc=on, %s', (revision) => {
  const takenAway = revision === '6.18' ? 0n : PTE_PRESENT_INVALID;
  const mapped = (it: Rig): bigint => PAGE_KERNEL_TAGGED | BigInt(it.pa);
  const free = (it: Rig): bigint => (mapped(it) & ~PTE_VALID) | takenAway;

  test('freePagesPrepare takes the pages away, and those only, with one flush: whoever touches one is caught', () => {
    const it = rig({ debugPagealloc: true, revision });
    const { cpu, k, va, page } = it;
    for (const i of [0, 1, 2]) complete(load(cpu, va + i * page));
    expect(maintenance(cpu, freePagesPrepare(cpu, k, va, 3))).toEqual(FLUSH_OF_3);
    expect(values(it, 4)).toEqual([free(it), free(it), free(it), mapped(it)]);
    for (const i of [0, 1, 2]) expect(() => complete(load(cpu, va + i * page))).toThrow(/halt/);
    complete(load(cpu, va + 3 * page));
  });

  test('postAllocHook maps them again as they were; there is nothing to flush', () => {
    const it = rig({ debugPagealloc: true, revision });
    const { cpu, k, va } = it;
    complete(freePagesPrepare(cpu, k, va, 3));
    expect(maintenance(cpu, postAllocHook(cpu, k, va, 3))).toEqual(['dsb ishst', 'isb']);
    expect(values(it, 3)).toEqual([mapped(it), mapped(it), mapped(it)]);
  });

  test('postAllocHook has its barriers before it looks at the pages, also within lazy MMU mode of somebody else', () => {
    const it = rig({ debugPagealloc: true, revision });
    const { cpu, k, va } = it;
    complete(freePagesPrepare(cpu, k, va, 2));
    enterLazyMmuMode(k);
    complete(postAllocHook(cpu, k, va, 2)); // or it would be caught itself
    expect(maintenance(cpu, leaveLazyMmuMode(cpu, k))).toEqual([]);
    expect(k.percpu.lazyMmuDepth).toBe(0);
  });

  test('... and in a softirq that interrupts such a section, whose own barriers stay due', () => {
    const it = rig({ debugPagealloc: true, revision });
    const { cpu, k, va } = it;
    complete(freePagesPrepare(cpu, k, va, 1));
    enterLazyMmuMode(k);
    k.percpu.lazyMmuPending = true;
    irqEnter(k, 'softirq');
    complete(postAllocHook(cpu, k, va, 1));
    irqExit(cpu, k, 'softirq');
    expect(maintenance(cpu, leaveLazyMmuMode(cpu, k))).toEqual(['dsb ishst', 'isb']);
  });
});

describe('debug_pagealloc=off', () => {
  test('freePagesPrepare leaves the pages mapped: no store, no barrier', () => {
    const it = rig({});
    const before = leafOf(it, it.va);
    expect(recorded(it.cpu, freePagesPrepare(it.cpu, it.k, it.va, 4)).did).toEqual([]);
    expect(leafOf(it, it.va)).toEqual(before);
  });

  test('postAllocHook maps nothing, and is caught where somebody else took a page away', () => {
    const it = rig({});
    const { cpu, k, va, page } = it;
    expect(maintenance(cpu, postAllocHook(cpu, k, va, 4))).toEqual([]);
    complete(setMemoryValid(cpu, k, va + 3 * page, 1, false));
    complete(postAllocHook(cpu, k, va, 3));
    expect(() => complete(postAllocHook(cpu, k, va, 4))).toThrow(/halt/);
  });
});

test.each([0, 1, 5])('postAllocHook looks at each page once: %i of them', (pages) => {
  const it = rig({});
  const before = it.cpu.counts[ACCESSES]!;
  complete(postAllocHook(it.cpu, it.k, it.va, pages));
  expect(it.cpu.counts[ACCESSES]! - before).toBe(pages);
});
