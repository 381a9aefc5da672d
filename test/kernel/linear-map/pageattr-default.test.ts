import { describe, expect, test } from 'vitest';
import { levelBytes } from '../../../src/arch/granule.ts';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { EINVAL, ENOMEM } from '../../../src/kernel/errno.ts';
import { linearAliasRo, setDirectMapDefault, setMemoryValid } from '../../../src/kernel/linear-map/pageattr.ts';
import { splitKernelLeafMapping } from '../../../src/kernel/linear-map/split-leaf.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import {
  PTE_CONT,
  PTE_NG,
  PTE_PRESENT_INVALID,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { maintenance, recorded } from '../recorded.ts';

type Rig = Booted & { readonly va: number; readonly page: number; readonly pmd: number };

/** A CPU with BBML2, alone; `va`: where a block of the linear map begins. `known`: that all CPUs have it. */
function rig(config: Partial<KernelConfig> = {}, granule: Granule = '4K', known = true): Rig {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 3 * 2 ** 30, granule });
  const booted = bootCpu(board, { revision: 'rox-rfc', ...config });
  const { cpu, k } = booted;
  if (known) complete(finaliseSystemCapabilities(cpu, k));
  const { granule: sizes } = k.space;
  return { ...booted, va: physToVirt(k.space, 0x8000_0000), page: sizes.pageBytes, pmd: levelBytes(sizes, 2) };
}

const ONE_FLUSH = (...tlbis: string[]): string[] => [
  'dsb ishst', // the lazy section
  'isb',
  'dsb ishst',
  ...tlbis.map((each) => `tlbi ${each}`),
  'dsb ish',
  'isb',
];

describe.each(granules)('setDirectMapDefault, %s granule', (granule) => {
  test('makes pages that were read-only as they were, in one section and with one flush, and none beside them', () => {
    const it = rig({}, granule);
    const { cpu, k, page } = it;
    const va = it.va + 5 * page;
    complete(splitKernelLeafMapping(cpu, k, va - page, va + 4 * page));
    const [before, beside] = [0, -1].map((i) => leafOf(it, va + i * page).value);
    complete(linearAliasRo(cpu, k, va - page, 5));
    expect(maintenance(cpu, setDirectMapDefault(cpu, k, va, 3))).toEqual(ONE_FLUSH('rvaale1is', 'vaale1is'));
    expect(leafOf(it, va)).toEqual({ level: 3, value: before });
    for (const i of [-1, 3]) expect(leafOf(it, va + i * page).value & (PTE_RDONLY | PTE_WRITE)).toBe(PTE_RDONLY);
    expect(leafOf(it, va - page).value).toBe((beside! & ~PTE_WRITE) | PTE_RDONLY);
    complete(store(cpu, k.symbols.scenarioPage, 1n)); // nothing else has become read-only
  });
});

const NOTHING = { result: 0, changes: false };

describe('setDirectMapDefault', () => {
  test.each([true, false])('gives back what it took: also what is not global, for which KPTI is %s', (kpti) => {
    const it = rig({ kpti });
    const { cpu, k, va } = it;
    complete(splitKernelLeafMapping(cpu, k, va, va + it.page));
    const before = leafOf(it, va).value;
    expect((before & PTE_NG) !== 0n).toBe(kpti);
    complete(setMemoryValid(cpu, k, va, 1, false));
    complete(setDirectMapDefault(cpu, k, va, 1));
    expect(leafOf(it, va).value).toBe(before);
  });

  test('gives back what was taken away, writable, and flushes: that is more than from invalid to valid', () => {
    const it = rig();
    const { cpu, k, va } = it;
    complete(splitKernelLeafMapping(cpu, k, va, va + it.page));
    const before = leafOf(it, va).value;
    complete(linearAliasRo(cpu, k, va, 1));
    complete(setMemoryValid(cpu, k, va, 1, false));
    expect(leafOf(it, va).value & (PTE_VALID | PTE_PRESENT_INVALID | PTE_RDONLY)).toBe(
      PTE_PRESENT_INVALID | PTE_RDONLY,
    );
    expect(maintenance(cpu, setDirectMapDefault(cpu, k, va, 1))).toEqual(ONE_FLUSH('vaale1is'));
    expect(leafOf(it, va).value).toBe(before);
  });

  test('of a whole block is one store, and it stays one', () => {
    const it = rig();
    const { cpu, k, va, pmd, page } = it;
    complete(linearAliasRo(cpu, k, va, pmd / page));
    const { value } = leafOf(it, va);
    const { result, did } = recorded(cpu, setDirectMapDefault(cpu, k, va, pmd / page));
    expect(result).toBe(0);
    expect(did.filter((each) => each === 'buffered')).toHaveLength(1);
    expect(leafOf(it, va)).toEqual({ level: 2, value: (value | PTE_WRITE) & ~PTE_RDONLY });
  });

  test('finds ordinary pages ordinary, and flushes them all the same', () => {
    const it = rig();
    const { cpu, k, va, page } = it;
    complete(splitKernelLeafMapping(cpu, k, va, va + page));
    const before = leafOf(it, va);
    expect(maintenance(cpu, setDirectMapDefault(cpu, k, va, 1))).toEqual(ONE_FLUSH('vaale1is'));
    expect(leafOf(it, va)).toEqual(before);
  });

  test.each<[string, Partial<KernelConfig>, { result: number; changes: boolean }]>([
    ['rodata=off', { rodata: 'off' }, NOTHING],
    ['rodata=noalias', { rodata: 'noalias' }, NOTHING],
    ['rodata=off, and a late KFENCE', { rodata: 'off', kfence: 'late' }, { result: 0, changes: true }],
    // It may, but mapped RAM before it knew that: what are blocks are nobody's to split.
    ['rodata=off, in a realm', { rodata: 'off', realm: true }, { result: -EINVAL, changes: true }],
  ])('says 0 and does nothing where nobody may change single pages: %s', (_, config, expected) => {
    const { cpu, k, va } = rig(config);
    const { result, did } = recorded(cpu, setDirectMapDefault(cpu, k, va, 1));
    expect({ result, changes: did.length > 0 }).toEqual(expected);
  });

  test('for which there is no table: -ENOMEM, nothing has changed, and it is flushed', () => {
    const it = rig();
    const { cpu, k, memory, va, page } = it;
    complete(linearAliasRo(cpu, k, va, it.pmd / page));
    const before = leafOf(it, va);
    failAllocations(memory.control, 1);
    const { result, did } = recorded(cpu, setDirectMapDefault(cpu, k, va + page, 1));
    expect(result).toBe(-ENOMEM);
    expect(did.filter((each) => each.startsWith('tlbi'))).toHaveLength(1);
    expect(leafOf(it, va)).toEqual(before);
  });

  test.each([0, -1])('no page at all: -EINVAL (%i)', (pages) => {
    const it = rig();
    const before = leafOf(it, it.va).value | PTE_CONT;
    expect(complete(setDirectMapDefault(it.cpu, it.k, it.va, pages))).toBe(-EINVAL);
    expect(leafOf(it, it.va).value | PTE_CONT).toBe(before);
  });
});
