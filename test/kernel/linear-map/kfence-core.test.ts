import { describe, expect, test } from 'vitest';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import {
  KFENCE_ENABLED,
  KFENCE_REFUSED,
  kfenceEnabled,
  kfenceGuardedAlloc,
  kfenceGuardedFree,
  kfenceInit,
  kfenceObject,
} from '../../../src/kernel/linear-map/kfence-core.ts';
import { localIrqRestore, localIrqSave } from '../../../src/kernel/locking/preempt.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL_TAGGED, PTE_PRESENT_INVALID, PTE_VALID } from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { maintenance, recorded } from '../recorded.ts';

type Model = 'cortex-x4-r0p3' | 'cortex-a520';

interface Rig extends Booted {
  readonly page: number;
  /** The pool, as the linear map has it. */
  readonly pool: number;
  readonly pages: number;
  readonly enabled: () => bigint;
}

/** A CPU alone; `known`: that it is alone. */
function rig(
  config: Partial<KernelConfig>,
  granule: Granule = '4K',
  model: Model = 'cortex-x4-r0p3',
  known = true,
): Rig {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 3 * 2 ** 30, granule });
  const booted = bootCpu({ ...board, cpus: [cpuModels[model]] }, config);
  const { cpu, k, memory } = booted;
  if (known) complete(finaliseSystemCapabilities(cpu, k));
  const page = k.space.granule.pageBytes;
  const { base, bytes } = k.kfencePool ?? k.kfenceLatePool ?? { base: 0, bytes: 0 };
  return {
    ...booted,
    page,
    pool: physToVirt(k.space, base),
    pages: bytes / page,
    enabled: () => read(memory, variablePa(k, 'kfence_enabled')),
  };
}

const init = ({ cpu, k }: Rig) => recorded(cpu, kfenceInit(cpu, k));
const levels = (it: Rig): number[] => [
  ...new Set(Array.from({ length: it.pages }, (_, i) => leafOf(it, it.pool + i * it.page).level)),
];

describe.each(granules)('archKfenceInitPool, by kfenceInit: a late pool, %s granule', (granule) => {
  test('becomes pages in place, each as the block was, without a TLBI', () => {
    const it = rig({ kfence: 'late' }, granule);
    expect(levels(it)).not.toEqual([3]);
    const { result, did } = init(it);
    expect(result).toBe(true);
    expect(it.enabled()).toBe(KFENCE_ENABLED);
    expect(did.filter((each) => each.startsWith('tlbi'))).toEqual([]);
    expect(did.filter((each) => each === 'isb')).toHaveLength(1); // all barriers but those before links, at the end
    expect(did.filter((each) => each === 'dsb ishst')).toHaveLength(
      1 + did.filter((each) => each === 'allocate').length,
    );
    const pa = it.k.kfenceLatePool!.base;
    for (let i = 0; i < it.pages; i++)
      expect(leafOf(it, it.pool + i * it.page)).toEqual({
        level: 3,
        value: PAGE_KERNEL_TAGGED | BigInt(pa + i * it.page),
      });
    expect(leafOf(it, it.pool - 2 ** 30).level).toBeLessThan(3); // the rest of RAM stays as it is
  });
});

describe('archKfenceInitPool, by kfenceInit', () => {
  test.each<[why: string, config: Partial<KernelConfig>, model: Model]>([
    ['an early pool, which is pages already', { kfence: 'early' }, 'cortex-x4-r0p3'],
    ['where the CPU lacks BBML2, and all of RAM is pages', { kfence: 'late' }, 'cortex-a520'],
    ['with debug_pagealloc, for the same reason', { kfence: 'late', debugPagealloc: true }, 'cortex-x4-r0p3'],
  ])('splits nothing: %s', (_, config, model) => {
    const it = rig(config, '4K', model);
    const tables = allocatedFrames(it.memory).now;
    expect(levels(it)).toEqual([3]);
    const { result, did } = init(it);
    expect(result).toBe(true);
    expect(did.filter((each) => each !== 'visible')).toEqual(['store']); // kfence_enabled
    expect(it.enabled()).toBe(KFENCE_ENABLED);
    expect(allocatedFrames(it.memory).now).toBe(tables);
  });

  test('splits all of a pool that several blocks map', () => {
    const it = rig({ kfence: 'late' });
    const pool = { base: 0x6000_0000, bytes: 4 * 2 ** 20 };
    const last = physToVirt(it.k.space, pool.base + pool.bytes - it.page);
    const beyond = leafOf(it, last + it.page).level;
    expect(complete(kfenceInit(it.cpu, { ...it.k, kfenceLatePool: pool }))).toBe(true);
    expect([leafOf(it, last).level, leafOf(it, last + it.page).level]).toEqual([3, beyond]);
    expect(beyond).toBeLessThan(3);
  });

  test('is asked before all CPUs are known: the boot CPU answers for itself', () => {
    const able = rig({ kfence: 'late' }, '4K', 'cortex-x4-r0p3', false);
    expect(init(able).result).toBe(true);
    expect(levels(able)).toEqual([3]);
    const unable = rig({ kfence: 'late' }, '4K', 'cortex-a520', false);
    expect(init(unable).did.filter((each) => each !== 'visible')).toEqual(['store']);
  });

  test('without memory for a table KFENCE stays off, and the block is a block', () => {
    const it = rig({ kfence: 'late' });
    const before = leafOf(it, it.pool);
    failAllocations(it.memory.control, 1);
    const { result, did } = init(it);
    expect(result).toBe(false);
    expect(it.enabled()).toBe(KFENCE_REFUSED);
    expect(complete(kfenceEnabled(it.cpu, it.k))).toBe(false);
    expect(did.filter((each) => each === 'allocate')).toEqual([]);
    expect(leafOf(it, it.pool)).toEqual(before);
    expect(read(it.memory, variablePa(it.k, 'pgtable_split_lock'))).toBe(0n);
    expect(it.k.percpu.lazyMmu).toBe(false);
  });

  test('has no pool to prepare where KFENCE is not built in', () => {
    const it = rig({ kfence: 'off' });
    expect(init(it).result).toBe(false);
    expect(it.enabled()).toBe(KFENCE_REFUSED);
  });
});

describe.each(['6.18', '7.1'] as const)('an object of KFENCE, %s', (revision) => {
  const takenAway = revision === '6.18' ? 0n : PTE_PRESENT_INVALID;
  const FLUSH = ['dsb ishst', 'tlbi vaale1is', 'dsb ish', 'isb'];

  function ready(): Rig & { object: number } {
    const it = rig({ kfence: 'late', revision });
    init(it);
    return { ...it, object: kfenceObject(it.k, 3) };
  }

  test('kfenceGuardedFree takes its page away, flushed, and the guard pages beside it stay as they are', () => {
    const it = ready();
    const { cpu, k, object, page } = it;
    expect(object).toBe(it.pool + (2 + 2 * 3) * page);
    complete(load(cpu, object));
    const [before, left, right] = [0, -page, page].map((by) => leafOf(it, object + by));
    expect(maintenance(cpu, kfenceGuardedFree(cpu, k, object))).toEqual(FLUSH);
    expect(leafOf(it, object)).toEqual({ level: 3, value: (before!.value & ~PTE_VALID) | takenAway });
    expect([leafOf(it, object - page), leafOf(it, object + page)]).toEqual([left, right]);
    expect(() => complete(load(cpu, object))).toThrow(/halt/);
  });

  test('kfenceGuardedAlloc makes its page as it was, and it can be used at once', () => {
    const it = ready();
    const { cpu, k, object } = it;
    const before = leafOf(it, object);
    complete(kfenceGuardedFree(cpu, k, object));
    // What was invalid is not flushed: nobody can have cached it.
    expect(maintenance(cpu, kfenceGuardedAlloc(cpu, k, object))).toEqual(['dsb ishst', 'isb']);
    expect(leafOf(it, object)).toEqual(before);
    complete(load(cpu, object));
  });

  test('kfenceGuardedAlloc writes to its page at once, and is caught itself where that is not there', () => {
    const it = ready();
    const { cpu, k, object } = it;
    complete(kfenceGuardedFree(cpu, k, object));
    const pageattr = { ...k.text.pageattr, changed: (value: bigint) => value };
    expect(() => complete(kfenceGuardedAlloc(cpu, { ...k, text: { ...k.text, pageattr } }, object))).toThrow(/halt/);
  });

  test('kfenceGuardedAlloc masks interrupts while it maps, and leaves them as it found them', () => {
    const it = ready();
    const { cpu, k, object } = it;
    const { flush } = k.text.pageattr;
    const masked: boolean[] = [];
    const pageattr = {
      ...k.text.pageattr,
      needsFlush: () => true,
      *flush(...args: Parameters<typeof flush>) {
        masked.push(cpu.irqMasked);
        yield* flush(...args);
      },
    };
    const watched = { ...k, text: { ...k.text, pageattr } };
    complete(kfenceGuardedFree(cpu, watched, object));
    complete(kfenceGuardedAlloc(cpu, watched, object));
    expect(masked).toEqual([false, true]);
    expect(cpu.irqMasked).toBe(false);
    const before = localIrqSave(cpu, k, 'somebody');
    complete(kfenceGuardedAlloc(cpu, watched, object));
    expect(cpu.irqMasked).toBe(true);
    localIrqRestore(cpu, before);
  });

  test('kfenceGuardedAlloc of another object leaves the one that was freed away', () => {
    const it = ready();
    const { cpu, k, object, page } = it;
    complete(kfenceGuardedFree(cpu, k, object));
    const away = leafOf(it, object);
    complete(kfenceGuardedAlloc(cpu, k, object + 2 * page));
    expect(leafOf(it, object)).toEqual(away);
    expect(() => complete(load(cpu, object))).toThrow(/halt/);
  });
});
