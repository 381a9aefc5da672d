import { describe, expect, test } from 'vitest';
import { granules } from '../../../src/hardware/board/board.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import type { KernelConfig, Revision } from '../../../src/kernel/config.ts';
import { EINVAL, ENOMEM } from '../../../src/kernel/errno.ts';
import { execmemForceRw, execmemRestoreRox } from '../../../src/kernel/execmem/execmem.ts';
import { ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL, PTE_PXN, PTE_RDONLY, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import {
  setMemoryNx,
  setMemoryRo,
  setMemoryRox,
  setMemoryRw,
  setMemoryX,
} from '../../../src/kernel/vmalloc/set-memory.ts';
import { VM_ALLOW_HUGE_VMAP, VM_IOREMAP, vmAreasAt } from '../../../src/kernel/vmalloc/vm-area.ts';
import { getVmArea, vfree, vmalloc, vmUnmapAliases } from '../../../src/kernel/vmalloc/vmalloc.ts';
import { complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';
import { type VmapRig, vmapRig } from '../vmap-rig.ts';

const PAGES = 4;

type Area = VmapRig & { readonly alias: number };

/** An area of four pages, made of pages within a block of the linear map. */
function withArea(config: Partial<KernelConfig> = {}, granule: (typeof granules)[number] = '4K', flags = 0): Area {
  const rig = vmapRig(granule, config);
  const pa = rig.pa + 3 * rig.page;
  complete(vmalloc(rig.cpu, rig.k, { bytes: PAGES * rig.page, prot: PAGE_KERNEL, pa, flags }));
  return { ...rig, pa, alias: physToVirt(rig.k.space, pa) };
}

/** The permissions of each page from `va` on: `rw- r-x ...`. */
function rights({ memory, tree, page }: Area, va: number, pages = PAGES): string {
  const all = ranges(memory, tree);
  return Array.from({ length: pages }, (_, i) => {
    const at = va + i * page;
    const { descriptor, limits } = all.find((r) => r.va <= at && at < r.va + r.bytes * r.count)!;
    const writable = (descriptor & PTE_RDONLY) === 0n && (descriptor & PTE_WRITE) !== 0n;
    const executable = (descriptor & PTE_PXN) === 0n && (limits & 1) === 0;
    return `r${writable ? 'w' : '-'}${executable ? 'x' : '-'}`;
  }).join(' ');
}

const four = (what: string): string => Array.from({ length: PAGES }, () => what).join(' ');

describe.each(granules)('set_memory_*() on a whole area, %s granule', (granule) => {
  test('read-only means read-only in both places, and executable in one', () => {
    const area = withArea({}, granule);
    const { cpu, k, va, alias } = area;
    const is = (here: string, there: string): void => {
      expect(rights(area, va)).toBe(four(here));
      expect(rights(area, alias)).toBe(four(there));
    };
    expect(complete(setMemoryRo(cpu, k, va, PAGES))).toBe(0);
    is('r--', 'r--');
    expect(complete(setMemoryX(cpu, k, va, PAGES))).toBe(0);
    is('r-x', 'r--');
    expect(complete(setMemoryNx(cpu, k, va, PAGES))).toBe(0);
    expect(complete(setMemoryRw(cpu, k, va, PAGES))).toBe(0);
    is('rw-', 'rw-');
    expect(complete(setMemoryRox(cpu, k, va, PAGES))).toBe(0);
    is('r-x', 'r--');
  });
});

describe('a part of an area', () => {
  test.each<[Revision, string]>([
    ['v5', 'r-- r-- r-- r--'],
    ['6.18', 'r-- r-- r-- r--'],
    ['7.1', 'rw- r-- r-- rw-'],
    ['7.3', 'rw- r-- r-- rw-'],
  ])('changes alone; of the aliases in %s: %s', (revision, aliases) => {
    const area = withArea({ revision });
    const { cpu, k, va, alias, page } = area;
    expect(complete(setMemoryRo(cpu, k, va + page + 8, 2))).toBe(0); // rounded down to a page
    expect(rights(area, va)).toBe('rw- r-- r-- rw-');
    expect(rights(area, alias)).toBe(aliases);
    expect(rights(area, alias - page, 1)).toBe('rw-');
  });

  test('the alias goes first, each page with a flush of its own; then what was freed is purged; then the area', () => {
    const area = withArea({ revision: '7.1' });
    const { cpu, k, va, page, pa } = area;
    complete(setMemoryRo(cpu, k, va, 2)); // splits
    complete(setMemoryRw(cpu, k, va, 2));
    const other = complete(vmalloc(cpu, k, { bytes: page, prot: PAGE_KERNEL, pa: pa + PAGES * page }))!;
    complete(vfree(cpu, k, other.addr));
    const watched: string[] = [];
    const { observer } = cpu;
    Object.assign(cpu, { observer: { ...observer, announced: (_: unknown, name: string) => void watched.push(name) } });
    const { did } = recorded(cpu, setMemoryRo(cpu, k, va, 2));
    expect(watched).toEqual(['set_memory', 'set_memory', 'purge_vmap_area', 'set_memory']);
    expect(did.filter((each) => each.startsWith('tlbi'))).toHaveLength(4);
  });
});

describe('the alias stays as it is', () => {
  test.each(['noalias', 'off'] as const)('under rodata=%s', (rodata) => {
    const area = withArea({ rodata });
    const { cpu, k, va, alias } = area;
    expect(complete(setMemoryRox(cpu, k, va, PAGES))).toBe(0);
    expect(rights(area, va)).toBe(four('r-x'));
    expect(rights(area, alias)).toBe(four('rw-'));
  });

  test('when it is about execution', () => {
    const area = withArea();
    const { cpu, k, va } = area;
    const { did } = recorded(cpu, setMemoryX(cpu, k, va, PAGES));
    expect(did.filter((each) => each === 'buffered')).toHaveLength(PAGES);
  });
});

describe('-EINVAL, and nothing has changed', () => {
  const changed = ({ cpu, k }: Area, va: number, pages: number): { result: number; stores: number } => {
    const { result, did } = recorded(cpu, setMemoryRo(cpu, k, va, pages));
    return { result, stores: did.filter((each) => each === 'buffered').length };
  };
  const REFUSED = { result: -EINVAL, stores: 0 };

  test('for a linear address, and for one that nothing is mapped at', () => {
    const area = withArea();
    expect(changed(area, area.alias, 1)).toEqual(REFUSED);
    expect(changed(area, area.va + 2 ** 30, 1)).toEqual(REFUSED);
    expect(changed(area, area.va + 2 ** 30, 0)).toEqual(REFUSED);
  });

  test('for more than the area has; no pages at all are no work', () => {
    const area = withArea();
    expect(changed(area, area.va + area.page, PAGES)).toEqual(REFUSED);
    expect(changed(area, area.va, 0)).toEqual({ result: 0, stores: 0 });
  });

  test('for an area that may be mapped huge, whether it is or not', () => {
    const area = withArea({}, '4K', VM_ALLOW_HUGE_VMAP);
    expect(rights(area, area.va)).toBe(four('rw-'));
    expect(changed(area, area.va, 1)).toEqual(REFUSED);
  });

  test('for one that is not made of allocated pages', () => {
    const area = withArea();
    const { cpu, k, page, pa } = area;
    const { addr } = complete(getVmArea(cpu, k, page, VM_IOREMAP, pa))!;
    expect(changed(area, addr, 1)).toEqual(REFUSED);
  });
});

test('without a table for the split of the alias: -ENOMEM, and the area stays as it was', () => {
  const area = withArea();
  const { cpu, k, memory, va, alias } = area;
  failAllocations(memory.control, 1);
  expect(complete(setMemoryRo(cpu, k, va, PAGES))).toBe(-ENOMEM);
  expect(rights(area, va)).toBe(four('rw-'));
  expect(rights(area, alias)).toBe(four('rw-'));
  expect(complete(setMemoryRox(cpu, k, va, PAGES))).toBe(-ENOMEM);
  expect(rights(area, va)).toBe(four('rw-'));
});

test('a kprobe gets a page that nobody can write to, or none', () => {
  const area = withArea();
  const { cpu, k, memory, pa } = area;
  const { allocInsnPage } = k.text.kprobes;
  const { addr } = complete(allocInsnPage(cpu, k, pa))!;
  expect(rights(area, addr, 1)).toBe('r-x');
  expect(rights(area, area.alias, 1)).toBe('r--');
  const tablesFor = complete(vmalloc(cpu, k, { bytes: area.page, prot: PAGE_KERNEL, pa }))!;
  complete(vfree(cpu, k, tablesFor.addr));
  complete(vmUnmapAliases(cpu, k));
  failAllocations(memory.control, 1); // none for the split of the alias
  expect(complete(allocInsnPage(cpu, k, pa + 2 ** 30))).toBeUndefined();
  expect(vmAreasAt(memory, k)).toHaveLength(2);
});

test('execmem_force_rw() and execmem_restore_rox(): never writable and executable in one place', () => {
  const area = withArea({ revision: '7.1' });
  const { cpu, k, va, alias, page } = area;
  complete(setMemoryRox(cpu, k, va, PAGES));
  expect(complete(execmemForceRw(cpu, k, va + page, 2))).toBe(0);
  expect(rights(area, va)).toBe('r-x rw- rw- r-x');
  expect(rights(area, alias)).toBe('r-- rw- rw- r--');
  expect(complete(execmemRestoreRox(cpu, k, va + page, 2))).toBe(0);
  expect(rights(area, va)).toBe(four('r-x'));
  expect(rights(area, alias)).toBe(four('r--'));
});
