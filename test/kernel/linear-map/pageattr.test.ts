import { describe, expect, test } from 'vitest';
import { levelBytes } from '../../../src/arch/granule.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { EINVAL, ENOMEM } from '../../../src/kernel/errno.ts';
import {
  changeMemory,
  linearAliasRo,
  linearAliasRw,
  setMemoryValid,
  updateRangeProt,
} from '../../../src/kernel/linear-map/pageattr.ts';
import { rangeSplitToPtes } from '../../../src/kernel/linear-map/split.ts';
import { splitKernelLeafMapping } from '../../../src/kernel/linear-map/split-leaf.ts';
import { forEachLeaf } from '../../../src/kernel/ptdump/ptdump.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import {
  PTE_CONT,
  PTE_PRESENT_INVALID,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { maintenance, recorded } from '../recorded.ts';
import { flushOf, LAZY, ONE_PAGE, ready, V7_1 } from './able-cpu.ts';

describe.each(granules)('what set_memory_ro() and set_memory_rw() do to a linear alias, %s granule', (granule) => {
  test('of a page inside a block: it alone changes, is flushed, and changes back', () => {
    const machine = ready(granule);
    const { cpu, k, page } = machine;
    const va = machine.va + 3 * page;
    const neighbours = [machine.va, va - page, va + page, machine.va + 20 * page];
    expect(leafOf(machine, va).level).toBeLessThan(3);
    complete(splitKernelLeafMapping(cpu, k, va, va + page));
    const before = leafOf(machine, va).value;
    const around = neighbours.map((each) => leafOf(machine, each));
    expect(before & PTE_CONT).toBe(0n);
    expect(maintenance(cpu, linearAliasRo(cpu, k, va, 1))).toEqual([...LAZY, ...ONE_PAGE]);
    expect(leafOf(machine, va)).toEqual({ level: 3, value: (before & ~PTE_WRITE) | PTE_RDONLY });
    expect(() => complete(store(cpu, va, 1n))).toThrow(/halt/);
    complete(load(cpu, va));
    expect(maintenance(cpu, linearAliasRw(cpu, k, va, 1))).toEqual([...LAZY, ...ONE_PAGE]);
    expect(leafOf(machine, va)).toEqual({ level: 3, value: before });
    expect(neighbours.map((each) => leafOf(machine, each))).toEqual(around);
  });

  test('without BBML2: a block of which the range has a part is refused, and flushed all the same', () => {
    const machine = ready(granule, false);
    const { cpu, k, va, page } = machine;
    const before = leafOf(machine, va);
    const { result, did } = recorded(cpu, linearAliasRo(cpu, k, va + page, 1));
    expect(result).toBe(-EINVAL);
    expect(did).not.toContain('buffered');
    expect(did.filter((each) => each.startsWith('tlbi'))).toHaveLength(1);
    expect(leafOf(machine, va)).toEqual(before);
  });
});

describe('a range', () => {
  test('of many pages is one lazy section and one flush', () => {
    const machine = ready();
    const { cpu, k, va, page } = machine;
    complete(splitKernelLeafMapping(cpu, k, va + page, va + 10 * page));
    expect(maintenance(cpu, linearAliasRo(cpu, k, va + page, 9))).toEqual([
      ...LAZY,
      ...(cpu.model.features.tlbiRange
        ? flushOf('rvaale1is', 'vaale1is')
        : flushOf(...Array.from({ length: 9 }, () => 'vaale1is'))),
    ]);
    for (let i = 0; i < 12; i++) {
      const changed = i >= 1 && i < 10;
      expect(leafOf(machine, va + i * page).value & PTE_RDONLY).toBe(changed ? PTE_RDONLY : 0n);
    }
  });

  test('that begins in pages and ends within a block leaves the pages changed, and the block not', () => {
    const machine = ready('4K', false);
    const { cpu, k, va, page } = machine;
    const block = levelBytes(k.space.granule, 2);
    complete(rangeSplitToPtes(cpu, k, va, va + block, 'kernel'));
    const { result, did } = recorded(cpu, linearAliasRo(cpu, k, va + block - 2 * page, 4));
    expect(result).toBe(-EINVAL);
    expect(did.some((each) => each.startsWith('tlbi'))).toBe(true);
    expect(leafOf(machine, va + block - page).value & PTE_RDONLY).toBe(PTE_RDONLY);
    expect(leafOf(machine, va + block)).toMatchObject({ level: 2 });
    expect(leafOf(machine, va + block).value & PTE_RDONLY).toBe(0n);
  });

  test.each([1, 2])('of a whole leaf of level %i is one store, and it stays one', (level) => {
    const machine = ready();
    const { cpu, k } = machine;
    const bytes = levelBytes(k.space.granule, level);
    const va = physToVirt(k.space, 0x8000_0000);
    if (level === 2) complete(splitKernelLeafMapping(cpu, k, va, va + bytes));
    const { value } = leafOf(machine, va);
    const { result, did } = recorded(cpu, linearAliasRo(cpu, k, va, bytes / machine.page));
    expect(result).toBe(0);
    expect(did.filter((each) => each === 'buffered')).toHaveLength(1);
    expect(leafOf(machine, va)).toEqual({ level, value: (value & ~PTE_WRITE) | PTE_RDONLY });
  });

  test('of part of a contiguous group, which nobody has split: the bit stays, and so do the others', () => {
    const machine = ready('4K', false);
    const { cpu, k, memory, tree, page } = machine;
    const members: number[] = [];
    forEachLeaf(memory, tree, (va, _pa, level, _lo, hi) => {
      if (level === 3 && va < k.space.pageEnd && ((hi >>> 20) & 1) === 1) members.push(va);
    });
    const va = members[Math.floor(members.length / 2)]!;
    const before = leafOf(machine, va).value;
    const next = leafOf(machine, va + page).value;
    expect(complete(linearAliasRo(cpu, k, va, 1))).toBe(0);
    expect(leafOf(machine, va).value).toBe((before & ~PTE_WRITE) | PTE_RDONLY);
    expect(before & PTE_CONT).toBe(PTE_CONT);
    expect(leafOf(machine, va + page).value).toBe(next);
  });

  test('for which there is no table: -ENOMEM, nothing changed, flushed all the same', () => {
    const machine = ready();
    const { cpu, k, memory, va, page } = machine;
    const before = leafOf(machine, va);
    failAllocations(memory.control, 1);
    const { result, did } = recorded(cpu, linearAliasRo(cpu, k, va + page, 1));
    expect(result).toBe(-ENOMEM);
    expect(did.some((each) => each.startsWith('tlbi'))).toBe(true);
    expect(leafOf(machine, va).value | PTE_CONT).toBe(before.value | PTE_CONT);
  });

  test('is cleared first, and then set', () => {
    const machine = ready();
    const { cpu, k, va, page } = machine;
    complete(updateRangeProt(cpu, k, va, page, PTE_RDONLY, PTE_RDONLY | PTE_WRITE));
    expect(leafOf(machine, va).value & (PTE_RDONLY | PTE_WRITE)).toBe(PTE_RDONLY);
  });

  test('that is empty is -EINVAL', () => {
    const { cpu, k, va } = ready();
    expect(complete(updateRangeProt(cpu, k, va, 0, PTE_RDONLY, PTE_WRITE))).toBe(-EINVAL);
  });
});

describe('validity, 7.1', () => {
  test('set_memory_valid() flushes what it takes away, and not what it gives back', () => {
    const machine = ready('4K', true, V7_1);
    const { cpu, k, va, page } = machine;
    complete(splitKernelLeafMapping(cpu, k, va, va + page));
    const before = leafOf(machine, va).value;
    expect(maintenance(cpu, setMemoryValid(cpu, k, va, 1, false))).toEqual(ONE_PAGE);
    expect(leafOf(machine, va).value).toBe((before & ~PTE_VALID) | PTE_PRESENT_INVALID);
    expect(() => complete(load(cpu, va))).toThrow(/halt/);
    expect(maintenance(cpu, setMemoryValid(cpu, k, va, 1, true))).toEqual(LAZY);
    expect(leafOf(machine, va).value).toBe(before);
  });

  test.each([
    ['and writable', PTE_VALID | PTE_WRITE, PTE_PRESENT_INVALID],
    ['and not read-only', PTE_VALID, PTE_PRESENT_INVALID | PTE_RDONLY],
    ['to begin with', PTE_VALID, 0n],
  ])('whatever is more than from invalid to valid is flushed: valid %s', (_, set, clear) => {
    const { cpu, k, va, page } = ready('4K', true, V7_1);
    complete(splitKernelLeafMapping(cpu, k, va, va + page));
    complete(setMemoryValid(cpu, k, va, 1, false));
    expect(maintenance(cpu, changeMemory(cpu, k, va, page, set, clear))).toEqual([...LAZY, ...ONE_PAGE]);
  });

  test('a block that was taken away as a whole comes back as one, in one store', () => {
    const machine = ready('4K', true, V7_1);
    const { cpu, k, va, page } = machine;
    const pages = levelBytes(k.space.granule, 2) / page;
    complete(splitKernelLeafMapping(cpu, k, va, va + pages * page));
    const before = leafOf(machine, va);
    expect(before).toMatchObject({ level: 2 });
    expect(complete(setMemoryValid(cpu, k, va, pages, false))).toBe(0);
    expect(leafOf(machine, va)).toEqual({ level: 2, value: (before.value & ~PTE_VALID) | PTE_PRESENT_INVALID });
    expect(complete(setMemoryValid(cpu, k, va, pages, true))).toBe(0);
    expect(leafOf(machine, va)).toEqual(before);
  });

  test('one page of a block that was taken away comes back alone', () => {
    const machine = ready('4K', true, V7_1);
    const { cpu, k, va, page } = machine;
    const pages = levelBytes(k.space.granule, 2) / page;
    complete(setMemoryValid(cpu, k, va, pages, false));
    expect(complete(setMemoryValid(cpu, k, va + page, 1, true))).toBe(0);
    complete(load(cpu, va + page));
    for (const i of [0, 2, 16, pages - 1]) {
      const { level, value } = leafOf(machine, va + i * page);
      expect({ level, bits: value & (PTE_VALID | PTE_PRESENT_INVALID) }).toEqual({
        level: 3,
        bits: PTE_PRESENT_INVALID,
      });
    }
  });
});

test('what is said of old translations is said where something may have changed, and not where the split has failed', () => {
  const { cpu, k, memory, va, page } = ready();
  const said: string[] = [];
  const watched = { ...cpu, observer: { ...nobody, announced: (_: unknown, by: string) => said.push(by) } };
  failAllocations(memory.control, 1);
  expect(complete(changeMemory(watched, k, va + page, page, PTE_RDONLY, PTE_WRITE))).toBe(-ENOMEM);
  expect(said).toEqual([]);
  failAllocations(memory.control, 0);
  expect(complete(changeMemory(watched, k, va + page, page, PTE_RDONLY, PTE_WRITE))).toBe(0);
  expect(said).toEqual(['set_memory']);
});

describe('validity, 6.18', () => {
  test('an invalid entry is merely not valid, and when it is valid again there is nothing to flush', () => {
    const machine = ready();
    const { cpu, k, va, page } = machine;
    complete(splitKernelLeafMapping(cpu, k, va, va + page));
    const before = leafOf(machine, va).value;
    expect(maintenance(cpu, setMemoryValid(cpu, k, va, 1, false))).toEqual(ONE_PAGE);
    expect(leafOf(machine, va).value).toBe(before & ~PTE_VALID);
    expect(maintenance(cpu, setMemoryValid(cpu, k, va, 1, true))).toEqual(LAZY);
    expect(leafOf(machine, va).value).toBe(before);
    expect(maintenance(cpu, changeMemory(cpu, k, va, page, PTE_VALID | PTE_RDONLY, 0n))).toEqual([
      ...LAZY,
      ...ONE_PAGE,
    ]);
    expect(maintenance(cpu, changeMemory(cpu, k, va, page, PTE_VALID, PTE_RDONLY))).toEqual([...LAZY, ...ONE_PAGE]);
  });

  test('a block that was taken away as a whole is passed over by whoever wants it back, who is told 0', () => {
    const machine = ready();
    const { cpu, k, va, page } = machine;
    const pages = levelBytes(k.space.granule, 2) / page;
    complete(splitKernelLeafMapping(cpu, k, va, va + pages * page));
    const { value } = leafOf(machine, va);
    expect(complete(setMemoryValid(cpu, k, va, pages, false))).toBe(0);
    expect(complete(setMemoryValid(cpu, k, va, pages, true))).toBe(0);
    expect(leafOf(machine, va)).toEqual({ level: 2, value: value & ~PTE_VALID });
  });
});
