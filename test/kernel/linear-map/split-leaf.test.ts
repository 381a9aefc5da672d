import { describe, expect, test } from 'vitest';
import { contiguousRun, levelBytes } from '../../../src/arch/granule.ts';
import { type Granule, granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { EINVAL, ENOMEM } from '../../../src/kernel/errno.ts';
import { splitKernelLeafMapping } from '../../../src/kernel/linear-map/split-leaf.ts';
import { ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { PTE_CONT } from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** A CPU that may split, on a board of such CPUs alone, once that is known. */
function ready(
  granule: Granule = '4K',
  config: Partial<KernelConfig> = {},
  finalised = true,
  memoryBytes = granule === '64K' ? 20 * GiB : 3 * GiB,
): Booted {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes, granule });
  const machine = bootCpu(board, config);
  if (finalised) complete(finaliseSystemCapabilities(machine.cpu, machine.k));
  return machine;
}

/** What one TLB entry could hold: a leaf, or a whole contiguous group. */
type Unit = readonly [va: number, bytes: number];

/** The sizes a unit can have, each what the one before falls apart into. Fact sheet B.1 and C.4. */
function sizesOf({ k }: Booted): number[] {
  const { granule } = k.space;
  const [pmd, pte] = [levelBytes(granule, 2), granule.pageBytes];
  const pud = granule.name === '4K' ? [levelBytes(granule, 1)] : [];
  return [...pud, pmd * contiguousRun(granule, 2), pmd, pte * contiguousRun(granule, 3), pte];
}

/** The linear map as units, in order; each goes where it should, with one set of attributes. */
function unitsOf({ memory, tree, k }: Booted): Unit[] {
  return ranges(memory, tree)
    .filter(({ va }) => va < k.space.pageEnd)
    .flatMap(({ va, pa, bytes, count, contiguous, level }) => {
      expect(pa).toBe(k.space.memstart + (va - k.space.pageOffset));
      const unit = bytes * (contiguous ? contiguousRun(k.space.granule, level) : 1);
      return Array.from({ length: (bytes * count) / unit }, (_, i): Unit => [va + i * unit, unit]);
    });
}

/** Everything of every page but what splitting may change. */
function pagesOf({ memory, tree, k }: Booted, start: number, end: number): bigint[] {
  return ranges(memory, tree)
    .filter(({ va }) => va >= start && va < end)
    .map(
      ({ descriptor, va }) => (descriptor & ~(PTE_CONT | 2n)) - BigInt(k.space.memstart + (va - k.space.pageOffset)),
    );
}

/** What has to come of a cut: the unit around it falls apart, and of its parts the one around the cut, down to pages. */
function cut(units: readonly Unit[], at: number, sizes: readonly number[], tableBytes: readonly number[]) {
  let tables = 0;
  let all = [...units];
  for (;;) {
    const i = all.findIndex(([va, bytes]) => va < at && at < va + bytes);
    if (i < 0) return { units: all, tables };
    const [va, bytes] = all[i]!;
    const smaller = sizes[sizes.indexOf(bytes) + 1]!;
    if (tableBytes.includes(bytes)) tables++;
    const parts = Array.from({ length: bytes / smaller }, (_, part): Unit => [va + part * smaller, smaller]);
    all = [...all.slice(0, i), ...parts, ...all.slice(i + 1)];
  }
}

/** Splits, and compares with what the rules say. */
function expectCut(machine: Booted, start: number, end: number): void {
  const { cpu, k, memory } = machine;
  const { pageBytes } = k.space.granule;
  const sizes = sizesOf(machine);
  const replacedByTables = [levelBytes(k.space.granule, 1), levelBytes(k.space.granule, 2)];
  const before = unitsOf(machine);
  const pages = new Set(pagesOf(machine, start - 2 * GiB, end + 2 * GiB));
  const frames = allocatedFrames(memory).now;
  // One page: the odd end alone, and that makes the other a boundary too.
  const ends = end - start === pageBytes ? [(start / pageBytes) % 2 === 0 ? end : start] : [start, end];
  let expected: { units: readonly Unit[]; tables: number } = { units: before, tables: 0 };
  for (const at of ends) {
    const next = cut(expected.units, at, sizes, replacedByTables);
    expected = { units: next.units, tables: expected.tables + next.tables };
  }
  const { result, did } = recorded(cpu, splitKernelLeafMapping(cpu, k, start, end));
  const after = unitsOf(machine);
  expect(result).toBe(0);
  expect(after).toEqual(expected.units);
  for (const at of [start, end]) expect(after.some(([va, bytes]) => va < at && at < va + bytes)).toBe(false);
  expect(new Set(pagesOf(machine, start - 2 * GiB, end + 2 * GiB))).toEqual(pages);
  expect(allocatedFrames(memory).now - frames).toBe(expected.tables);
  expect(did.filter((each) => each.startsWith('tlbi'))).toEqual([]);
  const changed = after.length === before.length ? 0 : 1;
  expect(did.filter((each) => each.startsWith('dsb'))).toEqual(
    Array.from({ length: expected.tables + changed }, () => 'dsb ishst'),
  );
  expect(did.filter((each) => each === 'isb')).toHaveLength(changed);
}

/** The first unit of the size that is there, or is made by a cut of a larger one at its end. */
function unitOf(machine: Booted, bytes: number): number {
  const { cpu, k } = machine;
  const from = physToVirt(k.space, 0x5000_0000);
  const whole = unitsOf(machine).find(([va, unit]) => va >= from && unit >= bytes)!;
  if (whole[1] !== bytes) expect(complete(splitKernelLeafMapping(cpu, k, whole[0], whole[0] + bytes))).toBe(0);
  expect(unitsOf(machine)).toContainEqual([whole[0], bytes]);
  return whole[0];
}

describe('split_kernel_leaf_mapping(), 4K granule', () => {
  const sizes = [GiB, 32 * MiB, 2 * MiB, 64 * KiB, 4 * KiB];
  const offsets = [0, 4 * KiB, 12 * KiB, 64 * KiB, 68 * KiB, 2 * MiB, 2 * MiB - 4 * KiB, 32 * MiB];
  const lengths = [4 * KiB, 8 * KiB, 60 * KiB, 64 * KiB, 2 * MiB, 2 * MiB + 4 * KiB, 32 * MiB];
  describe.each(sizes)('from a unit of %i bytes', (bytes) => {
    test.each(offsets.filter((offset) => offset < bytes))('%i bytes into it', (offset) => {
      for (const length of [...lengths, bytes]) {
        const machine = ready();
        const va = unitOf(machine, bytes) + offset;
        expectCut(machine, va, va + length);
      }
    });
  });

  test('cuts what was cut before a little more, and of what is cut already nothing', () => {
    const machine = ready();
    const va = unitOf(machine, 32 * MiB);
    for (const [at, length] of [
      [8 * KiB, 4 * KiB],
      [8 * KiB, 4 * KiB],
      [12 * KiB, 128 * KiB],
      [4 * MiB, 64 * KiB],
      [0, 32 * MiB],
    ] as const)
      expectCut(machine, va + at, va + at + length);
  });

  test('a PUD to one page: two tables, the rest in the largest pieces', () => {
    const machine = ready();
    const va = unitOf(machine, GiB);
    expectCut(machine, va + 4 * KiB, va + 8 * KiB);
    const counts = new Map<number, number>();
    for (const [at, bytes] of unitsOf(machine))
      if (at >= va && at < va + GiB) counts.set(bytes, (counts.get(bytes) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({ [32 * MiB]: 31, [2 * MiB]: 15, [64 * KiB]: 31, [4 * KiB]: 16 });
  });

  test('holes are boundaries', () => {
    const { cpu, k } = ready();
    const va = physToVirt(k.space, 64 * GiB);
    expect(recorded(cpu, splitKernelLeafMapping(cpu, k, va + 4 * KiB, va + 8 * KiB))).toEqual({
      result: 0,
      did: ['rmw', 'rmw'],
    }); // the lock
  });
});

describe.each(granules)('split_kernel_leaf_mapping(), %s granule', (granule) => {
  test('each size falls apart into the next', () => {
    const page = ready(granule).k.space.granule.pageBytes;
    for (const [i, bytes] of sizesOf(ready(granule)).entries())
      for (const [start, end] of [
        [page, 2 * page],
        [bytes - page, bytes],
        [bytes - page, bytes + page],
        [0, bytes],
      ] as const) {
        const machine = ready(granule);
        if (!unitsOf(machine).some(([, unit]) => unit >= bytes)) continue;
        const va = unitOf(machine, bytes);
        expect(i).toBeLessThan(5);
        expectCut(machine, va + start, va + end);
      }
  });
});

describe('split_kernel_leaf_mapping() leaves alone', () => {
  function untouched(machine: Booted, start: number, end: number): number {
    const sleeps: string[] = [];
    const cpu = {
      ...machine.cpu,
      observer: { ...nobody, mightSleep: (_: unknown, what: string) => sleeps.push(what) },
    };
    const before = unitsOf(machine);
    const result = complete(splitKernelLeafMapping(cpu, machine.k, start, end));
    expect(unitsOf(machine)).toEqual(before);
    expect(sleeps).toEqual([]);
    return result;
  }

  test('everything, and returns 0, while it is not known that all CPUs have BBML2', () => {
    const machine = ready('4K', {}, false);
    const va = physToVirt(machine.k.space, 0x8000_0000);
    expect(untouched(machine, va + 4 * KiB, va + 8 * KiB)).toBe(0);
    expect(untouched(machine, va + 4, va + 8)).toBe(0); // nothing is looked at
  });

  test.each([
    [4, 4 * KiB],
    [0, 4 * KiB + 8],
  ])('a range that is not page-aligned, with -EINVAL: %i to %i', (start, end) => {
    const machine = ready();
    const va = physToVirt(machine.k.space, 0x8000_0000);
    expect(untouched(machine, va + start, va + end)).toBe(-EINVAL);
  });

  test('what debug_pagealloc changes from atomic context', () => {
    const machine = ready('4K', { debugPagealloc: true }, true, GiB / 4);
    const va = physToVirt(machine.k.space, 0x4000_0000 + GiB / 8);
    expect(untouched(machine, va + 4 * KiB, va + 8 * KiB)).toBe(0);
  });

  test('the pool of an early KFENCE, and nothing beside it', () => {
    const machine = ready('4K', { kfence: 'early' });
    const { base, bytes } = machine.k.kfencePool!;
    const pool = physToVirt(machine.k.space, base);
    expect(untouched(machine, pool, pool + 4 * KiB)).toBe(0);
    expect(untouched(machine, pool + bytes - 4 * KiB, pool + bytes)).toBe(0);
    const sleeps: string[] = [];
    const cpu = {
      ...machine.cpu,
      observer: { ...nobody, mightSleep: (_: unknown, what: string) => sleeps.push(what) },
    };
    complete(splitKernelLeafMapping(cpu, machine.k, pool + bytes, pool + bytes + 4 * KiB));
    expect(sleeps).toEqual(['mutex_lock(&pgtable_split_lock)']);
  });
});

describe('split_kernel_leaf_mapping() without memory', () => {
  test.each([
    [0, 'nothing is split', 0],
    [1, 'the PUD is split, and the group of the cut is no group any more', 1],
    [2, 'the start is split, the end is not', 2],
  ])('after %i tables: %s', (tables, _, levels) => {
    const machine = ready();
    const { k, memory } = machine;
    const va = unitOf(machine, GiB);
    const before = unitsOf(machine);
    let left = tables;
    const cpu = {
      ...machine.cpu,
      choose: (bound: number, kind: string) => (kind === 'allocation' && left-- <= 0 ? bound - 1 : 0),
    };
    failAllocations(memory.control, 2);
    expect(complete(splitKernelLeafMapping(cpu, k, va + 4 * KiB, va + 64 * MiB + 4 * KiB))).toBe(-ENOMEM);
    complete(dsb(cpu, 'ishst'));
    const after = unitsOf(machine).filter(([at]) => at >= va && at < va + GiB);
    const sizesNow = new Set(after.map(([, bytes]) => bytes));
    const stages = [[GiB], [32 * MiB, 2 * MiB], [32 * MiB, 2 * MiB, 64 * KiB, 4 * KiB]];
    expect([...sizesNow].sort((a, b) => b - a)).toEqual(stages[levels]);
    expect(after.some(([at, bytes]) => at === va + 64 * MiB && bytes > 32 * MiB)).toBe(false);
    if (levels === 0) expect(unitsOf(machine)).toEqual(before);
    expect(k.percpu).toMatchObject({ lazyMmu: false, lazyMmuPending: false });
  });

  test('at the start does not try the end', () => {
    const machine = ready();
    const va = unitOf(machine, 2 * MiB);
    const before = unitsOf(machine);
    let tries = 0;
    const cpu = { ...machine.cpu, choose: (bound: number) => (tries++ === 0 ? bound - 1 : 0) };
    failAllocations(machine.memory.control, 2);
    expect(complete(splitKernelLeafMapping(cpu, machine.k, va + 4 * KiB, va + 2 * MiB + 4 * KiB))).toBe(-ENOMEM);
    expect({ tries, units: unitsOf(machine) }).toEqual({ tries: 1, units: before });
  });

  test('gives the lock back, and finishes the work when there is some again', () => {
    const machine = ready();
    const { cpu, k, memory } = machine;
    const va = unitOf(machine, 2 * MiB);
    failAllocations(memory.control, 1);
    expect(complete(splitKernelLeafMapping(cpu, k, va + 4 * KiB, va + 8 * KiB))).toBe(-ENOMEM);
    failAllocations(memory.control, 0);
    expectCut(machine, va + 4 * KiB, va + 8 * KiB);
  });
});
