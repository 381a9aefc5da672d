import { describe, expect, test } from 'vitest';
import { linearMap } from '../../../src/check/map/linear-map.ts';
import { writeXorExecute } from '../../../src/check/map/write-xor-execute.ts';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { wordOf } from '../../../src/hardware/memory/memory.ts';
import { isTableAt } from '../../../src/hardware/memory/table-word.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { markLinearTextAliasRo } from '../../../src/kernel/linear-map/linear-map.ts';
import { entryOffset } from '../../../src/kernel/tables/pagewalk.ts';
import {
  PAGE_KERNEL,
  PAGE_KERNEL_ROX,
  PTE_ADDRESS,
  PTE_RDONLY,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { setMemoryRo, setMemoryRox, setMemoryRw, setMemoryX } from '../../../src/kernel/vmalloc/set-memory.ts';
import { VM_FLUSH_RESET_PERMS } from '../../../src/kernel/vmalloc/vm-area.ts';
import { vfree, vmalloc } from '../../../src/kernel/vmalloc/vmalloc.ts';
import { complete } from '../../kernel/boot-cpu.ts';
import { type VmapRig, vmapRig } from '../../kernel/vmap-rig.ts';

/** A machine at rest, and an area of four pages in it. */
function rest(config: Partial<KernelConfig> = {}, prot = PAGE_KERNEL, granule: Granule = '4K', flags = 0) {
  const rig = vmapRig(granule, config);
  const { cpu, k, memory } = rig;
  complete(markLinearTextAliasRo(cpu, k));
  memory.words[wordOf(memory, variablePa(k, 'system_state'))] = 1n;
  const pa = rig.pa + 5 * rig.page;
  complete(vmalloc(cpu, k, { bytes: 4 * rig.page, prot, pa, flags }));
  const machine = { board: k.board, layout: cpu.layout, memory };
  return {
    ...rig,
    pa,
    judge: () => writeXorExecute.atRest!(machine, k).map(({ message }) => message),
    judgeAlias: () => linearMap.atRest!(machine, k).map(({ message }) => message),
  };
}

/** Changes the leaf for `va` by hand. */
function edit({ memory, k }: VmapRig, va: number, change: (leaf: bigint) => bigint): void {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; ; level++) {
    const word = wordOf(memory, entryOffset(k.space, level, table, va));
    const value = memory.words[word]!;
    if (!isTableAt(value, level)) {
      memory.words[word] = change(value);
      return;
    }
    table = Number(value & PTE_ADDRESS);
  }
}

describe.each(granules)('%s granule', (granule) => {
  test('a kernel that has come up, and an area in each state that set_memory_*() makes, are silent', () => {
    const area = rest({}, PAGE_KERNEL, granule);
    const { cpu, k, va, judge, judgeAlias } = area;
    for (const change of [undefined, setMemoryRo, setMemoryRw, setMemoryRox]) {
      if (change !== undefined) expect(complete(change(cpu, k, va, 4))).toBe(0);
      expect(judge()).toEqual([]);
      expect(judgeAlias()).toEqual([]);
    }
  });

  test('an area that is writable and executable is caught, and so is its alias', () => {
    const { cpu, k, va, judge } = rest({}, PAGE_KERNEL, granule);
    complete(setMemoryX(cpu, k, va, 4));
    expect(judge()).toEqual([
      expect.stringMatching(/ is writable and executable$/),
      expect.stringMatching(/ is executable, and at least \d+ pages of it can be written to at 0x/),
    ]);
  });

  test('an area that was executable from the start: its alias is writable', () => {
    expect(rest({}, PAGE_KERNEL_ROX, granule).judge()).toEqual([
      expect.stringMatching(/can be written to at 0xffff00/),
    ]);
  });
});

test('an alias of which one page only is writable is caught', () => {
  const area = rest();
  const { cpu, k, va, pa, page, judge } = area;
  complete(setMemoryRox(cpu, k, va, 4));
  edit(area, physToVirt(k.space, pa + 2 * page), (pte) => (pte & ~PTE_RDONLY) | PTE_WRITE);
  expect(judge()).toEqual([expect.stringMatching(/at least 1 pages of it can be written to/)]);
});

test('two areas of the same pages, one executable and one writable, are caught', () => {
  const { cpu, k, va, pa, page, judge } = rest();
  complete(setMemoryRox(cpu, k, va, 4));
  expect(judge()).toEqual([]);
  complete(vmalloc(cpu, k, { bytes: page, prot: PAGE_KERNEL, pa: pa + 3 * page }));
  expect(judge()).toEqual([expect.stringMatching(/at least 1 pages of it can be written to/)]);
});

test('the alias of the kernel text is looked at whatever rodata= says, those of areas under rodata=full only', () => {
  for (const rodata of ['full', 'noalias'] as const) {
    const area = rest({ rodata }, PAGE_KERNEL_ROX);
    const protects = rodata === 'full';
    expect(area.judge()).toHaveLength(protects ? 1 : 0);
    edit(area, physToVirt(area.k.space, area.k.space.text), (leaf) => (leaf & ~PTE_RDONLY) | PTE_WRITE);
    expect(area.judge()).toHaveLength(protects ? 2 : 1);
  }
});

describe('what is read-only in the linear map', () => {
  test('is of an area that is, as long as there is one', () => {
    const { cpu, k, va, judgeAlias } = rest();
    complete(setMemoryRo(cpu, k, va, 4));
    expect(judgeAlias()).toEqual([]);
    complete(vfree(cpu, k, va));
    expect(judgeAlias()).toEqual([expect.stringMatching(/is read-only, though nobody made it so/)]);
  });

  test.each(['6.18', '7.1'] as const)('is of no area that can be written to: %s', (revision) => {
    const area = rest({ revision });
    for (const change of [setMemoryRo, setMemoryRw]) complete(change(area.cpu, area.k, area.va, 4)); // splits the alias
    edit(area, physToVirt(area.k.space, area.pa), (pte) => (pte & ~PTE_WRITE) | PTE_RDONLY);
    expect(area.judgeAlias()).toEqual([expect.stringMatching(/is read-only, though nobody made it so/)]);
  });

  test('is nothing once an area with VM_FLUSH_RESET_PERMS has gone', () => {
    const { cpu, k, va, judgeAlias } = rest({}, PAGE_KERNEL, '4K', VM_FLUSH_RESET_PERMS);
    complete(setMemoryRox(cpu, k, va, 4));
    complete(vfree(cpu, k, va));
    expect(judgeAlias()).toEqual([]);
  });

  test.each(['6.18', '7.1'] as const)('may be more than the part of the area that is, up to 6.18: %s', (revision) => {
    const area = rest({ revision });
    const { cpu, k, va, pa, page, judgeAlias } = area;
    complete(setMemoryRo(cpu, k, va, 2));
    expect(judgeAlias()).toEqual([]);
    edit(area, physToVirt(k.space, pa + 3 * page), (pte) => (pte & ~PTE_WRITE) | PTE_RDONLY);
    expect(judgeAlias()).toHaveLength(revision === '6.18' ? 0 : 1);
  });
});
