import { describe, expect, test } from 'vitest';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import {
  CODE,
  execmemRestoreRox,
  executeCode,
  setDirectMapValid,
  TRAPPING_INSTRUCTION,
  writeCode,
} from '../../../src/kernel/execmem/execmem.ts';
import { execmemAllocRw, execmemFree } from '../../../src/kernel/execmem/execmem-alloc.ts';
import { execmemAreasAt } from '../../../src/kernel/execmem/execmem-areas.ts';
import { FREE_PENDING, runExecmemWork } from '../../../src/kernel/execmem/execmem-cache.ts';
import { allocExecmemPages } from '../../../src/kernel/execmem/execmem-ram.ts';
import { type Kernel, type Variable, variablePa } from '../../../src/kernel/kernel.ts';
import { blockProt, PAGE_KERNEL_TAGGED, PTE_RDONLY, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { findVmArea, vmAreasAt } from '../../../src/kernel/vmalloc/vm-area.ts';
import { vmUnmapAliases } from '../../../src/kernel/vmalloc/vmalloc.ts';
import { complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { recorded } from '../recorded.ts';
import { cost, type VmapRig, vmapRig } from '../vmap-rig.ts';

/** All 32 chunks of the RAM that the cache takes, and none. */
const ALL_CHUNKS = 0xffff_ffffn;
const CLEAN = 1n;

interface Rig extends VmapRig {
  /** The RAM of the cache, a whole block, as the linear map has it; and the entry of an ordinary such block. */
  readonly linear: number;
  readonly ordinary: bigint;
  readonly word: (name: Variable) => bigint;
  /** Gets pages, puts code there, and makes it executable. */
  readonly takeCode: (pages: number) => number;
  readonly free: (va: number, k?: Kernel) => void;
  readonly isFree: () => number[];
}

function rig(config: Partial<KernelConfig> = {}): Rig {
  const whole = vmapRig('4K', { revision: 'rox-rfc', ...config });
  const { cpu, k, memory, page } = whole;
  return {
    ...whole,
    linear: physToVirt(k.space, k.execmemRam!.pa),
    ordinary: blockProt(PAGE_KERNEL_TAGGED) | BigInt(k.execmemRam!.pa),
    word: (name) => read(memory, variablePa(k, name)),
    takeCode: (pages) => {
      const va = complete(execmemAllocRw(cpu, k, pages * page));
      complete(writeCode(cpu, k, va));
      expect(complete(execmemRestoreRox(cpu, k, va, pages))).toBe(0);
      return va;
    },
    free: (va, kernel = k) => complete(execmemFree(cpu, kernel, va)),
    isFree: () => execmemAreasAt(memory, 'free').map(({ bytes }) => bytes / page),
  };
}

/** The kernel with other sentences of executable memory. */
const withText = (k: Kernel, execmem: Partial<Kernel['text']['execmem']>): Kernel => ({
  ...k,
  text: { ...k.text, execmem: { ...k.text.execmem, ...execmem } },
});

describe('cacheClean, by runExecmemWork (Linux: execmem_cache_clean())', () => {
  test('an area of which all is free goes, with its pages, whose linear aliases are ordinary again', () => {
    const it = rig();
    const { cpu, k } = it;
    const va = it.takeCode(2);
    it.free(va);
    expect({ work: it.word('execmem_work'), chunks: it.word('execmem_chunks'), free: it.isFree() }).toEqual({
      work: CLEAN,
      chunks: ALL_CHUNKS,
      free: [512],
    });
    expect(leafOf(it, it.linear)).toEqual({ level: 2, value: (it.ordinary & ~PTE_WRITE) | PTE_RDONLY });
    complete(runExecmemWork(cpu, k));
    expect({ work: it.word('execmem_work'), chunks: it.word('execmem_chunks'), free: it.isFree() }).toEqual({
      work: 0n,
      chunks: 0n,
      free: [],
    });
    expect(leafOf(it, it.linear)).toEqual({ level: 2, value: it.ordinary });
    expect(vmAreasAt(it.memory, k)).toEqual([]);
    expect(complete(findVmArea(cpu, k, va))).toBeUndefined();
    expect(it.word('execmem_cache.mutex')).toBe(0n);
  });

  test('the alias of the whole area is one section and one flush; the area itself waits for the next purge', () => {
    const it = rig();
    it.free(it.takeCode(1));
    expect(cost(it.cpu, runExecmemWork(it.cpu, it.k))).toBe('3 DSB 2 ISB 1 TLBI');
    expect(cost(it.cpu, vmUnmapAliases(it.cpu, it.k))).toBe('2 DSB 1 ISB 1 TLBI');
  });

  test('nobody gets the pages before the flush of their aliases is complete: not even the area is gone by then', () => {
    const it = rig();
    it.free(it.takeCode(1));
    const seen: unknown[] = [];
    const observer = {
      ...nobody,
      tlbisCompleted: () => {
        const alias = leafOf(it, it.linear).value;
        seen.push({ alias, chunks: it.word('execmem_chunks'), areas: vmAreasAt(it.memory, it.k).length });
      },
    };
    complete(runExecmemWork({ ...it.cpu, observer }, it.k));
    expect(seen).toEqual([{ alias: it.ordinary, chunks: ALL_CHUNKS, areas: 1 }]);
  });

  test('an area of which a slice is in use stays as it is, and so does the code there', () => {
    const it = rig();
    const { cpu, k } = it;
    const [used, given] = [it.takeCode(1), it.takeCode(1)];
    it.free(given);
    expect(it.isFree()).toEqual([511]);
    const { did } = recorded(cpu, runExecmemWork(cpu, k));
    expect(did).toEqual(['rmw', 'rmw', 'rmw']); // takes the work; the mutex, and back
    expect(it.isFree()).toEqual([511]);
    expect(it.word('execmem_chunks')).toBe(ALL_CHUNKS);
    expect([used, given].map((va) => complete(executeCode(cpu, k, va)))).toEqual([CODE, TRAPPING_INSTRUCTION]);
  });

  test('an area that is no whole PMD stays for ever, free: the next one is cut out of it', () => {
    const it = rig();
    const { cpu, k, page } = it;
    complete(allocExecmemPages(cpu, k, page)); // somebody has a chunk, and no PMD is to be had
    const va = it.takeCode(16);
    it.free(va);
    complete(runExecmemWork(cpu, k));
    expect({ work: it.word('execmem_work'), chunks: it.word('execmem_chunks'), free: it.isFree() }).toEqual({
      work: 0n,
      chunks: 0b11n,
      free: [16],
    });
    expect(complete(executeCode(cpu, k, va))).toBe(TRAPPING_INSTRUCTION);
    expect(it.takeCode(4)).toBe(va);
  });

  test('goes by what has been scheduled: nothing is looked at where nothing was', () => {
    const it = rig();
    it.free(it.takeCode(1));
    complete(store(it.cpu, it.k.symbols.variables.execmem_work, 0n));
    expect(recorded(it.cpu, runExecmemWork(it.cpu, it.k)).did).toEqual(['rmw']);
    expect(it.isFree()).toEqual([512]);
    complete(store(it.cpu, it.k.symbols.variables.execmem_work, FREE_PENDING)); // whoever tries again cleans as well
    complete(runExecmemWork(it.cpu, it.k));
    expect(it.isFree()).toEqual([]);
  });

  test('finds what could only be freed just now: that may have been the last of its area', () => {
    const it = rig();
    const short = withText(it.k, {
      *addFree() {
        return -ENOMEM;
      },
    });
    it.free(it.takeCode(1), short);
    expect(it.word('execmem_work')).toBe(CLEAN | FREE_PENDING);
    complete(runExecmemWork(it.cpu, short)); // there is no memory for the list yet
    expect({ work: it.word('execmem_work'), free: it.isFree() }).toEqual({ work: FREE_PENDING, free: [511] });
    complete(runExecmemWork(it.cpu, it.k));
    expect({ work: it.word('execmem_work'), free: it.isFree() }).toEqual({ work: 0n, free: [] });
    expect(leafOf(it, it.linear)).toEqual({ level: 2, value: it.ordinary });
  });

  test('with set_direct_map_valid() alone the pages would go back read-only: why the RFC sets more than the valid bit', () => {
    const it = rig();
    it.free(it.takeCode(1));
    complete(runExecmemWork(it.cpu, withText(it.k, { resetLinearMap: setDirectMapValid })));
    expect(it.word('execmem_chunks')).toBe(0n);
    expect(leafOf(it, it.linear).value & (PTE_RDONLY | PTE_WRITE)).toBe(PTE_RDONLY);
  });

  test('rodata=noalias: aliases were left alone, and are again, without a barrier', () => {
    const it = rig({ rodata: 'noalias' });
    const before = leafOf(it, it.linear);
    it.free(it.takeCode(1));
    expect(cost(it.cpu, runExecmemWork(it.cpu, it.k))).toBe('0 DSB 0 ISB 0 TLBI');
    expect(it.word('execmem_chunks')).toBe(0n);
    expect(leafOf(it, it.linear)).toEqual(before);
    complete(load(it.cpu, it.linear));
  });
});
