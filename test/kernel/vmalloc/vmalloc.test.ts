import { describe, expect, test } from 'vitest';
import { formatVa } from '../../../src/arch/address.ts';
import { contiguousRun } from '../../../src/arch/granule.ts';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { granules, vaBitsByGranule } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { derivedValue, read } from '../../../src/hardware/memory/memory.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { addressSpaceOf, imageVa, physToVirt } from '../../../src/kernel/address-space.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';
import { contPteBytes } from '../../../src/kernel/tables/set-huge-pte.ts';
import { setMemoryRo } from '../../../src/kernel/vmalloc/set-memory.ts';
import {
  findVmArea,
  VM_ALLOC,
  VM_ALLOW_HUGE_VMAP,
  VM_AREAS,
  VM_FLUSH_RESET_PERMS,
  vmAreaStart,
  vmAreasAt,
} from '../../../src/kernel/vmalloc/vm-area.ts';
import { getVmArea, type VmallocText, vfree, vmalloc, vmUnmapAliases } from '../../../src/kernel/vmalloc/vmalloc.ts';
import { complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';
import { cost, mapped, pteVa, type VmapRig, vmapRig } from '../vmap-rig.ts';

describe('the vmalloc space', () => {
  test.each(granules.flatMap((granule) => vaBitsByGranule[granule].map((vaBits) => [granule, vaBits] as const)))(
    'has room for all windows behind the image, %s granule, %i bits',
    (granule, vaBits) => {
      const space = addressSpaceOf({ ...boardPresets.get('symmetric-8')!, granule, vaBits });
      expect(space.vmallocStart).toBe(space.kimageVaddr);
      expect(vmAreaStart(space, 0)).toBeGreaterThanOrEqual(imageVa(space, space.end));
      expect(vmAreaStart(space, VM_AREAS)).toBeLessThanOrEqual(space.vmallocEnd);
    },
  );

  test('of 48 bits ends 8 MiB below the array of struct page, which takes the 2 TiB below the last gigabyte', () => {
    const space = addressSpaceOf(boardPresets.get('symmetric-8')!);
    expect(formatVa(space.vmallocEnd)).toBe('0xfffffdffbf800000');
  });
});

describe.each(granules)('vmalloc() and vfree(), %s granule', (name) => {
  test.each([
    ['as small as a page', 'page', 0, '1 of level 3'],
    ['a group, if it may be huge', 'group', VM_ALLOW_HUGE_VMAP, 'group'],
    ['a block, if it may be huge', 'pmd', VM_ALLOW_HUGE_VMAP, '1 of level 2'],
    ['a block with pages, if it may not', 'pmd', 0, 'pages'],
  ] as const)('%s', (_, size, flags, expected) => {
    const rig = vmapRig(name);
    const { cpu, k, pa, page, pmd, granule } = rig;
    const bytes = { page, group: contPteBytes(k), pmd }[size];
    const area = complete(vmalloc(cpu, k, { bytes, prot: PAGE_KERNEL, pa, flags }));
    expect(area).toEqual({ slot: 0, addr: rig.va, bytes, flags: VM_ALLOC | flags, pa });
    const group = contiguousRun(granule, 3);
    const shape = { group: `${group} of level 3 contiguous`, pages: `${granule.entriesPerTable} of level 3` } as const;
    expect(mapped(rig).map((r) => `${r.count} of level ${r.level}${r.contiguous ? ' contiguous' : ''}`)).toEqual([
      expected in shape ? shape[expected as keyof typeof shape] : expected,
    ]);
    expect(complete(load(cpu, rig.va + bytes - page))).toBe(derivedValue(pa + bytes - page));
    complete(vfree(cpu, k, rig.va));
    expect(mapped(rig)).toEqual([]);
  });

  test('pages that are not aligned as a block has to be are mapped one by one', () => {
    const rig = vmapRig(name);
    const { cpu, k, pa, page, pmd } = rig;
    complete(vmalloc(cpu, k, { bytes: pmd, prot: PAGE_KERNEL, pa: pa + page, flags: VM_ALLOW_HUGE_VMAP }));
    expect(mapped(rig).every(({ level, contiguous }) => level === 3 && !contiguous)).toBe(true);
  });
});

describe('areas', () => {
  test('are found by any address in them, and by none outside', () => {
    const { cpu, k, va, pa, page, memory } = vmapRig();
    const area = complete(vmalloc(cpu, k, { bytes: 3 * page, prot: PAGE_KERNEL, pa }))!;
    for (const at of [0, 1, page, 3 * page - 1]) expect(complete(findVmArea(cpu, k, va + at))).toEqual(area);
    for (const at of [-1, 3 * page, 2 ** 30]) expect(complete(findVmArea(cpu, k, va + at))).toBeUndefined();
    expect(complete(findVmArea(cpu, k, physToVirt(k.space, pa)))).toBeUndefined();
    expect(vmAreasAt(memory, k)).toEqual([area]);
    complete(vfree(cpu, k, va + page)); // not where it begins: nothing happens
    expect(vmAreasAt(memory, k)).toEqual([area]);
    complete(vfree(cpu, k, va));
    expect(complete(findVmArea(cpu, k, va))).toBeUndefined();
    expect(vmAreasAt(memory, k)).toEqual([]);
  });

  test('that were freed are flushed once, all together, and only then given out again', () => {
    const { cpu, k, pa, page } = vmapRig();
    const make = () => complete(vmalloc(cpu, k, { bytes: page, prot: PAGE_KERNEL, pa }))!;
    const [first, second] = [make(), make()];
    for (const { addr } of [first, second])
      expect(recorded(cpu, vfree(cpu, k, addr)).did.filter((each) => each.startsWith('tlbi'))).toEqual([]);
    expect(make().slot).toBe(2);
    const { did } = recorded(cpu, vmUnmapAliases(cpu, k));
    const flush = did.filter((each) => /tlbi|dsb/.test(each)).map((each) => each.replace(/ 0x.*/, ''));
    expect(flush).toEqual(['dsb ishst', 'tlbi rvaale1is', 'tlbi vaale1is', 'dsb ish']); // a gigabyte and a page

    expect(make().slot).toBe(0);
    expect(recorded(cpu, vmUnmapAliases(cpu, k)).did.filter((each) => each.startsWith('tlbi'))).toEqual([]);
  });

  test('are purged when there are no addresses left, and refused when there are none at all', () => {
    const { cpu, k, pa, page } = vmapRig();
    for (let i = 0; i < VM_AREAS; i++) complete(getVmArea(cpu, k, page, VM_ALLOC, pa));
    expect(complete(getVmArea(cpu, k, page, VM_ALLOC, pa))).toBeUndefined();
    complete(vfree(cpu, k, vmAreaStart(k.space, 3)));
    expect(complete(getVmArea(cpu, k, page, VM_ALLOC, pa))).toMatchObject({ slot: 3 });
  });

  test('for which there is no table are none', () => {
    const { cpu, k, memory, pa, page } = vmapRig();
    failAllocations(memory.control, 1);
    expect(complete(vmalloc(cpu, k, { bytes: page, prot: PAGE_KERNEL, pa }))).toBeUndefined();
    expect(vmAreasAt(memory, k)).toEqual([]);
  });

  test('with VM_FLUSH_RESET_PERMS leave ordinary linear aliases behind, flushed in between', () => {
    const { cpu, k, va, pa, page, memory } = vmapRig();
    complete(vmalloc(cpu, k, { bytes: 2 * page, prot: PAGE_KERNEL, pa: pa + page, flags: VM_FLUSH_RESET_PERMS }));
    complete(setMemoryRo(cpu, k, va, 2));
    const alias = physToVirt(k.space, pa + page);
    const entry = (): bigint =>
      read(memory, pteVa({ cpu, k, memory } as never, alias) - k.space.pageOffset + k.space.memstart);
    expect(entry() & (1n << 7n)).toBe(1n << 7n);
    let atFlush = 1n;
    const vmallocText: VmallocText = {
      ...k.text.vmalloc,
      *purgeFlush(...flush) {
        atFlush = entry() & 1n;
        yield* k.text.vmalloc.purgeFlush(...flush);
      },
    };
    const watched = { ...k, text: { ...k.text, vmalloc: vmallocText } };
    const { did } = recorded(cpu, vfree(cpu, watched, va));
    expect(atFlush).toBe(0n); // nobody can cache it while it changes
    expect(did.filter((each) => each.startsWith('tlbi'))).toEqual(['tlbi vmalle1is']);
    expect(entry() & ((1n << 7n) | 1n)).toBe(1n);
    expect(recorded(cpu, vmUnmapAliases(cpu, k)).did.some((each) => each.startsWith('tlbi'))).toBe(false);
  });
});

describe('purgeVmapAreaLazy, by vmUnmapAliases (Linux: __purge_vmap_area_lazy())', () => {
  /** Areas of so many pages each; where they begin. */
  const areas = ({ cpu, k, pa, page }: VmapRig, ...pages: number[]): number[] =>
    pages.map((count) => complete(vmalloc(cpu, k, { bytes: count * page, prot: PAGE_KERNEL, pa }))!.addr);
  const withoutRanges = ({ cpu }: VmapRig) => ({
    ...cpu,
    model: { ...cpu.model, features: { ...cpu.model.features, tlbiRange: false } },
  });
  const maintenance = (did: readonly string[]): string[] => did.filter((each) => /^(dsb|isb|tlbi)/.test(each));

  test('where nothing was freed takes its locks, and that is all: no barrier, no TLBI', () => {
    const rig = vmapRig();
    areas(rig, 1); // there, and nobody freed it
    const { did } = recorded(rig.cpu, vmUnmapAliases(rig.cpu, rig.k));
    expect(did).toEqual(['rmw', 'rmw', 'rmw', 'rmw']); // vmap_purge_lock, and vn->lazy.lock inside
  });

  test('one area is flushed page by page where there are no range operations, and nothing beside it', () => {
    const rig = vmapRig();
    const { k, page } = rig;
    const cpu = withoutRanges(rig);
    const [va] = areas(rig, 3);
    complete(vfree(cpu, k, va!));
    const { did } = recorded(cpu, vmUnmapAliases(cpu, k));
    expect(maintenance(did)).toEqual([
      'dsb ishst',
      ...[0, 1, 2].map((i) => `tlbi vaale1is 0x${encodeVaOperand(va! + i * page).toString(16)}`),
      'dsb ish',
      'isb',
    ]);
  });

  test('what is far apart is not flushed one by one: past the limit everything goes at once', () => {
    const rig = vmapRig();
    const { k } = rig;
    const cpu = withoutRanges(rig);
    for (const va of areas(rig, 1, 1)) complete(vfree(cpu, k, va)); // a gigabyte, and a page
    expect(maintenance(recorded(cpu, vmUnmapAliases(cpu, k)).did)).toEqual([
      'dsb ishst',
      'tlbi vmalle1is',
      'dsb ish',
      'isb',
    ]);
  });

  test('an area that lies between is flushed too, and is none the worse for it', () => {
    const rig = vmapRig();
    const { cpu, k, pa } = rig;
    const [first, between, last] = areas(rig, 1, 2, 1);
    for (const va of [first!, last!]) complete(vfree(cpu, k, va));
    const before = mapped(rig);
    const flushed: [number, number][] = [];
    const vmallocText: VmallocText = {
      ...k.text.vmalloc,
      *purgeFlush(by, kernel, start, end) {
        flushed.push([start, end]);
        yield* k.text.vmalloc.purgeFlush(by, kernel, start, end);
      },
    };
    complete(vmUnmapAliases(cpu, { ...k, text: { ...k.text, vmalloc: vmallocText } }));
    expect(flushed).toEqual([[first, last! + rig.page]]);
    expect(mapped(rig)).toEqual(before);
    expect(vmAreasAt(rig.memory, k).map(({ addr }) => addr)).toEqual([between]);
    expect(complete(load(cpu, between!))).toBe(derivedValue(pa));
  });

  test('nobody gets the addresses until they have been flushed, and everybody may afterwards', () => {
    const rig = vmapRig();
    const { cpu, k, page, pa } = rig;
    const [first, second] = areas(rig, 1, 1);
    for (const va of [first!, second!]) complete(vfree(cpu, k, va));
    let meanwhile: number | undefined;
    const vmallocText: VmallocText = {
      ...k.text.vmalloc,
      *purgeFlush(...flush) {
        yield* k.text.vmalloc.purgeFlush(...flush);
        meanwhile = (yield* getVmArea(cpu, k, page, VM_ALLOC, pa))?.slot;
      },
    };
    complete(vmUnmapAliases(cpu, { ...k, text: { ...k.text, vmalloc: vmallocText } }));
    expect(meanwhile).toBe(2);
    const next = [0, 1].map(() => complete(getVmArea(cpu, k, page, VM_ALLOC, pa))?.slot);
    expect(next).toEqual([0, 1]);
  });

  test('says of each area that its translations are out of use, once it has flushed them', () => {
    const rig = vmapRig();
    const { cpu, k, page } = rig;
    const [first, , last] = areas(rig, 2, 1, 1);
    for (const va of [first!, last!]) complete(vfree(cpu, k, va));
    const said: (string | number)[][] = [];
    const watched = {
      ...cpu,
      observer: {
        ...nobody,
        announced: (_: unknown, by: string, start: number, end: number) => said.push([by, start, end]),
        tlbisCompleted: () => said.push(['flushed']),
      },
    };
    complete(vmUnmapAliases(watched, k));
    expect(said).toEqual([
      ['flushed'],
      ['purge_vmap_area', first, first! + 2 * page],
      ['purge_vmap_area', last, last! + page],
    ]);
  });

  test('has nothing left to do the second time', () => {
    const rig = vmapRig();
    const { cpu, k } = rig;
    complete(vfree(cpu, k, areas(rig, 1)[0]!));
    expect(cost(cpu, vmUnmapAliases(cpu, k))).toBe('2 DSB 1 ISB 1 TLBI');
    expect(cost(cpu, vmUnmapAliases(cpu, k))).toBe('0 DSB 0 ISB 0 TLBI');
  });
});
