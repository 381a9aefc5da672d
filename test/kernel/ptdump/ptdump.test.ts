import { describe, expect, it } from 'vitest';
import { blockDescriptor, pageDescriptor, tableDescriptor } from '../../../src/arch/descriptor.ts';
import { GRANULE_4K, GRANULE_16K } from '../../../src/arch/granule.ts';
import { LIMIT_PXN, LIMIT_UXN, LIMIT_WRITE } from '../../../src/arch/permission.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import {
  forEachLeaf,
  forEachRun,
  forEachTable,
  leaves,
  rangeEnd,
  ranges,
  reachableTables,
  type Tree,
  tablePages,
} from '../../../src/kernel/ptdump/ptdump.ts';
import { sizeShares } from '../../../src/kernel/ptdump/ptdump-sizes.ts';
import { bootCpu } from '../boot-cpu.ts';
import { bareMemory, brief, GIB, LOWEST, MIB, mixedTree, run, table, tree4K } from './mixed-tree.ts';

describe('ranges', () => {
  const UPPER = LIMIT_PXN;
  const BELOW = LIMIT_PXN | LIMIT_UXN;

  it('merges leaves that are alike and lead on, and nothing else', () => {
    const memory = bareMemory();
    expect(ranges(memory, mixedTree(memory)).map(brief)).toEqual([
      [0, 0xffff_e000, 4096, 4, false, BELOW],
      [0x4000, 0x8000_0000, 4096, 1, false, BELOW],
      [0x5000, 0x8000_0000, 4096, 1, false, BELOW],
      [0x6000, 0x8000_0000, 4096, 1, false, BELOW],
      [0x7000, 0x8000_0000, 4096, 1, false, BELOW],
      [0x1_0000, 0x9000_0000, 4096, 16, true, BELOW],
      [0x2_0000, 0x9001_0000, 4096, 16, false, BELOW],
      [0x1f_f000, 0x9002_f000, 4096, 1, false, BELOW],
      [0x20_0000, 0x9003_0000, 4096, 512, false, BELOW | LIMIT_WRITE],
      [0x40_0000, 0xa000_0000, 2 * MIB, 3, false, BELOW],
      [GIB, 3 * GIB, GIB, 2, false, UPPER],
    ]);
  });

  it('lists on request what is not mapped, so that all of the half is told of', () => {
    const memory = bareMemory();
    const all = ranges(memory, mixedTree(memory), true);
    all.slice(1).forEach((range, i) => {
      const before = all[i]!;
      // Where a table could not be read, nothing is known.
      expect(range.va - rangeEnd(before)).toBe(range.va === LOWEST + 4 * GIB ? GIB : 0);
    });
    expect(all[0]!.va).toBe(LOWEST);
    expect(rangeEnd(all.at(-1)!)).toBe(0);
    expect(all.filter(({ valid, descriptor }) => !valid && descriptor !== 0n).map(brief)).toEqual([
      [100 * 4096, -1, 4096, 1, false, BELOW],
      [101 * 4096, -1, 4096, 1, false, BELOW],
      [2 ** 39, -1, 2 ** 39, 1, false, 0],
    ]);
  });
});

describe('every leaf', () => {
  it('is told with its own addresses and descriptor, in VA order, as records and as numbers alike', () => {
    const memory = bareMemory();
    const tree = mixedTree(memory);
    const records = [...leaves(memory, tree)];
    const numbers: number[][] = [];
    forEachLeaf(memory, tree, (...told) => numbers.push(told));
    const halves = (descriptor: bigint) => [Number(descriptor & 0xffff_ffffn), Number(descriptor >> 32n)];
    expect(numbers).toEqual(
      records.map(({ va, pa, level, descriptor, limits }) => [va, pa, level, ...halves(descriptor), limits]),
    );
    expect(records).toHaveLength(4 + 4 + 32 + 1 + 512 + 3 + 2);
    expect(records[3]).toMatchObject({
      va: LOWEST + 0x3000,
      pa: 0x1_0000_1000,
      descriptor: pageDescriptor(0x1_0000_1000, { AF: 1 }),
    });
  });

  it('comes in runs, as long as a table goes on alike', () => {
    const memory = bareMemory();
    const calls: number[][] = [];
    forEachRun(memory, mixedTree(memory), (va, _pa, level, _lo, _hi, _limits, count) => {
      if (count > 1) calls.push([va - LOWEST, level, count]);
    });
    expect(calls).toEqual([
      [0, 3, 4],
      [0x1_0000, 3, 16],
      [0x2_0000, 3, 16],
      [0x20_0000, 3, 512],
      [0x40_0000, 2, 3],
      [GIB, 1, 2],
    ]);
  });

  it('is found from the root of the other half, too', () => {
    const { k, memory } = bootCpu(defaultBoard);
    const idmap: Tree = { rootPa: k.symbols.idmapPgDir, granule: GRANULE_4K, vaBits: 48, side: 0 };
    const mapped = [...leaves(memory, idmap)].map(({ va, pa }) => [va, pa]);
    expect(mapped).toEqual([k.symbols.idmapText, k.symbols.dataPage].map((pa) => [pa, pa]));
  });

  it('takes a level 1 descriptor for a block only where the granule has one', () => {
    const memory = bareMemory('16K');
    const root = table(memory, { 0: blockDescriptor(0, { AF: 1 }) });
    const tree: Tree = { rootPa: root, granule: GRANULE_16K, vaBits: 47, side: 1 };
    expect(ranges(memory, tree)).toEqual([]);
    expect(ranges(memory, tree, true)[0]).toMatchObject({ level: 1, count: 1, valid: false, descriptor: 0x401n });
  });
});

describe('sizeShares', () => {
  it('adds up the bytes each kind of leaf maps, smallest kind first', () => {
    const memory = bareMemory();
    expect(sizeShares(memory, mixedTree(memory)).map(({ name, bytes }) => [name, bytes])).toEqual([
      ['4K', (4 + 4 + 16 + 1 + 512) * 4096],
      ['64K cont', 65536],
      ['2M', 6 * MIB],
      ['1G', 2 * GIB],
    ]);
  });

  it('counts what lies in the window only', () => {
    const memory = bareMemory();
    const shares = sizeShares(memory, mixedTree(memory), LOWEST + 5 * MIB, LOWEST + GIB + 4096);
    expect(shares.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['2M', 5 * MIB],
      ['1G', 4096],
    ]);
  });
});

describe('the tables of a tree', () => {
  it('come parents first, with the address they translate from and what is withheld above them', () => {
    const memory = bareMemory();
    const told: number[][] = [];
    forEachTable(memory, mixedTree(memory), (_, level, va, limits) => told.push([level, va - LOWEST, limits]));
    expect(told).toEqual([
      [0, 0, 0],
      [1, 0, LIMIT_PXN],
      [2, 0, LIMIT_PXN | LIMIT_UXN],
      [3, 0, LIMIT_PXN | LIMIT_UXN],
      [3, 2 * MIB, LIMIT_PXN | LIMIT_UXN | LIMIT_WRITE],
      [2, 3 * GIB, LIMIT_PXN],
    ]);
  });

  it('are counted once however often they are linked', () => {
    const memory = bareMemory();
    const shared = table(memory, { 0: pageDescriptor(GIB, { AF: 1 }) });
    const below = table(
      memory,
      run(0, 5, () => tableDescriptor(shared)),
    );
    const tree = tree4K(table(memory, { 0: tableDescriptor(table(memory, { 0: tableDescriptor(below) })) }));
    expect(tablePages(memory, tree)).toEqual([1, 1, 1, 1]);
    expect(reachableTables(memory, tree).size).toBe(4);
    expect([...leaves(memory, tree)]).toHaveLength(5);
  });

  it('are all the pages that boot has allocated, and the root', () => {
    const { memory, tree } = bootCpu(defaultBoard);
    expect(reachableTables(memory, tree).size).toBe(allocatedFrames(memory).now + 1);
  });
});
