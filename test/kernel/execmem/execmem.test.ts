import { describe, expect, test } from 'vitest';
import { LIMIT_PXN } from '../../../src/arch/permission.ts';
import { leak } from '../../../src/check/lifetime/leak.ts';
import type { granules } from '../../../src/hardware/board/board.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { type KernelConfig, REVISIONS } from '../../../src/kernel/config.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import {
  CODE,
  execmemRestoreRox,
  executeCode,
  TRAPPING_INSTRUCTION,
  writeCode,
} from '../../../src/kernel/execmem/execmem.ts';
import { execmemAllocRw, execmemFree } from '../../../src/kernel/execmem/execmem-alloc.ts';
import { execmemAreasAt, insertArea } from '../../../src/kernel/execmem/execmem-areas.ts';
import { runExecmemWork } from '../../../src/kernel/execmem/execmem-cache.ts';
import { ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { PTE_PXN, PTE_RDONLY, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { vmAreasAt } from '../../../src/kernel/vmalloc/vm-area.ts';
import { complete } from '../boot-cpu.ts';
import { type VmapRig, vmapRig } from '../vmap-rig.ts';

const PAGE_SIZES = { '4K': 12, '16K': 14, '64K': 16 };

interface Rig extends VmapRig {
  /** The block of RAM that the cache takes, where it lies in the linear map. */
  readonly linear: number;
  readonly alloc: (pages: number) => number;
  readonly rox: (va: number, pages: number) => number;
  readonly free: (va: number) => void;
  readonly work: () => void;
  readonly execute: (va: number) => bigint;
  /** What level 3 and level 2 of the block's linear map hold, from the front: `512 of 1 rw-`. */
  readonly linearMap: () => string;
  readonly lists: () => string;
}

function rig(config: Partial<KernelConfig> = {}, granule: (typeof granules)[number] = '4K'): Rig {
  const whole = vmapRig(granule, { revision: 'rox-rfc', ...config });
  const { cpu, k, memory, tree, page } = whole;
  const linear = physToVirt(k.space, k.execmemRam!.pa);
  const bytes = k.execmemRam!.pages * page;
  const list = (which: 'free' | 'busy'): string =>
    execmemAreasAt(memory, which)
      .map((area) => `${area.bytes / page}${area.isPending ? '!' : ''}`)
      .join('+');
  return {
    ...whole,
    linear,
    alloc: (pages) => complete(execmemAllocRw(cpu, k, pages * page)),
    rox: (va, pages) => complete(execmemRestoreRox(cpu, k, va, pages)),
    free: (va) => complete(execmemFree(cpu, k, va)),
    work: () => complete(runExecmemWork(cpu, k)),
    execute: (va) => complete(executeCode(cpu, k, va)),
    linearMap: () => {
      const runs: { of: string; count: number }[] = [];
      for (const { va, bytes: size, count, level, descriptor, limits } of ranges(memory, tree)) {
        const first = Math.max(0, Math.floor((linear - va) / size));
        const last = Math.min(count, Math.ceil((linear + bytes - va) / size));
        if (first >= last) continue;
        const w = (descriptor & PTE_RDONLY) === 0n && (descriptor & PTE_WRITE) !== 0n;
        const x = (descriptor & PTE_PXN) === 0n && (limits & LIMIT_PXN) === 0;
        const of = `${level} r${w ? 'w' : '-'}${x ? 'x' : '-'}`;
        if (runs.at(-1)?.of === of) runs.at(-1)!.count += last - first;
        else runs.push({ of, count: last - first });
      }
      return runs.map(({ of, count }) => `${count} of ${of}`).join(', ');
    },
    lists: () => `free ${list('free')} busy ${list('busy')}`,
  };
}

describe.each(['4K', '16K'] as const)('the ROX cache, %s granule', (granule) => {
  const entries = 2 ** (PAGE_SIZES[granule] - 3);

  test('cuts slices out of one block, which is whole again in the linear map whenever none of them is writable', () => {
    const it = rig({}, granule);
    expect(it.linearMap()).toBe('1 of 2 rw-');
    const tables = allocatedFrames(it.memory).now;
    const one = it.alloc(2);
    expect(it.lists()).toBe(`free ${entries - 2} busy 2`);
    expect(it.linearMap()).toBe(`2 of 3 rw-, ${entries - 2} of 3 r--`);
    complete(writeCode(it.cpu, it.k, one));
    expect(it.rox(one, 2)).toBe(0);
    expect(it.linearMap()).toBe('1 of 2 r--');
    expect([it.execute(one), it.execute(one + it.page)]).toEqual([CODE, TRAPPING_INSTRUCTION]);
    const other = it.alloc(1);
    expect(other).toBe(one + 2 * it.page);
    expect(it.linearMap()).toBe(`2 of 3 r--, 1 of 3 rw-, ${entries - 3} of 3 r--`);
    expect(it.execute(one)).toBe(CODE);
    it.free(one);
    expect(it.execute(one)).toBe(TRAPPING_INSTRUCTION);
    expect(it.lists()).toBe(`free 2+${entries - 3} busy 1`);
    it.free(other);
    expect(it.lists()).toBe(`free ${entries} busy `);
    expect(it.linearMap()).toBe('1 of 2 r--');
    it.work();
    expect(it.lists()).toBe('free  busy ');
    expect(it.linearMap()).toBe('1 of 2 rw-');
    expect(vmAreasAt(it.memory, it.k)).toEqual([]);
    // The area's own tables stay, and nothing else.
    expect(allocatedFrames(it.memory).now - tables).toBeLessThanOrEqual(3);
  });

  test('a second life in other addresses', () => {
    const it = rig({}, granule);
    for (let life = 0; life < 3; life++) {
      const va = it.alloc(1);
      it.rox(va, 1);
      it.free(va);
      it.work();
      expect(it.linearMap()).toBe('1 of 2 rw-');
    }
  });
});

test('where no PMD is to be had the cache takes what is asked for, and no block is collapsed', () => {
  const it = rig({}, '4K');
  const first = it.alloc(300);
  const second = it.alloc(300); // the first area has no room, and the block of RAM no other
  expect(second).toBe(-ENOMEM);
  it.free(first);
  it.work();
  expect(it.linearMap()).toBe('1 of 2 rw-');
});

test('what was given back and never became free, or whole, is a leak', () => {
  const it = rig();
  const machine = { board: it.k.board, layout: it.cpu.layout, memory: it.memory };
  const lost = (): string[] => leak.atRest!(machine, it.k).map(({ message }) => message);
  const one = it.alloc(1);
  const other = it.alloc(1);
  it.free(one);
  expect(lost()).toEqual([]);
  // There is no memory for the next, nor when it is tried again.
  const short = {
    ...it.k.text,
    execmem: {
      ...it.k.text.execmem,
      *addFree() {
        return -ENOMEM;
      },
    },
  };
  complete(execmemFree(it.cpu, { ...it.k, text: short }, other));
  expect(it.lists()).toBe('free 1+510 busy 1!');
  expect(lost()).toEqual([]); // work is scheduled
  complete(runExecmemWork(it.cpu, { ...it.k, text: short }));
  expect(lost()).toEqual([]); // and again
  complete(
    runExecmemWork(it.cpu, { ...it.k, text: { ...short, execmem: { ...short.execmem, retriesPending: false } } }),
  );
  expect(lost()).toEqual([expect.stringContaining('nobody tries again')]);
  const [busy] = execmemAreasAt(it.memory, 'busy');
  complete(insertArea(it.cpu, it.k, 'free', busy!.start, busy!.bytes));
  expect(lost()).toHaveLength(3);
  expect(lost()[1]).toContain('apart from what is free before it');
});

test.each(REVISIONS)('%s: allocated writable, executed when restored, ordinary when freed', (revision) => {
  const it = rig({ revision });
  const va = it.alloc(1);
  complete(writeCode(it.cpu, it.k, va));
  expect(() => it.execute(va)).toThrow('nobody handles');
  const again = rig({ revision });
  const slice = again.alloc(1);
  complete(writeCode(again.cpu, again.k, slice));
  expect(again.rox(slice, 1)).toBe(0);
  expect(again.execute(slice)).toBe(CODE);
  again.free(slice);
  again.work();
  expect(again.linearMap()).not.toContain('r--');
});
