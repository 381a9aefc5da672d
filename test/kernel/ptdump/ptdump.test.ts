import { describe, expect, it } from 'vitest';
import { blockDescriptor, pageDescriptor, tableDescriptor } from '../../../src/arch/descriptor.ts';
import { GRANULE_4K, GRANULE_16K } from '../../../src/arch/granule.ts';
import { LIMIT_PXN, LIMIT_UXN, LIMIT_WRITE } from '../../../src/arch/permission.ts';
import { type Board, GiB } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { allocatedFrames, allocateFrame, FRAME_TABLE, fillFrame } from '../../../src/hardware/memory/frame.ts';
import { exchange, type Memory } from '../../../src/hardware/memory/memory.ts';
import { createMachine } from '../../../src/hardware/system.ts';
import { markLinearTextAliasRo } from '../../../src/kernel/linear-map/linear-map.ts';
import {
  forEachLeaf,
  forEachRun,
  forEachTable,
  type LeafRange,
  leaves,
  rangeEnd,
  ranges,
  reachableTables,
  type Tree,
  tablePages,
} from '../../../src/kernel/ptdump/ptdump.ts';
import { formatPtdump, kernelMarkers } from '../../../src/kernel/ptdump/ptdump-format.ts';
import { sizeShares } from '../../../src/kernel/ptdump/ptdump-sizes.ts';
import { bootCpu, complete } from '../boot-cpu.ts';

const LOWEST = -(2 ** 48);
const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** A machine with nothing on it. */
function bareMemory(granule: Board['granule'] = '4K'): Memory {
  return createMachine({ ...defaultBoard, granule }, { poolFrames: 32 }).memory;
}

/** A table page whose entries are those given, by index, and invalid elsewhere. */
function table(memory: Memory, entries: Readonly<Record<number, bigint>>): number {
  const pa = allocateFrame(memory, FRAME_TABLE);
  fillFrame(memory, pa, 0, 0);
  for (const [index, descriptor] of Object.entries(entries)) exchange(memory, pa + 8 * Number(index), descriptor);
  return pa;
}

/** `count` neighbours from `index` on: `of(i)` for the i-th. */
function run(index: number, count: number, of: (i: number) => bigint): Record<number, bigint> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [index + i, of(i)]));
}

const tree4K = (rootPa: number): Tree => ({ rootPa, granule: GRANULE_4K, vaBits: 48, side: 1 });

/** One of everything, from the lowest TTBR1 address on. */
function mixedTree(memory: Memory): Tree {
  const pages = table(memory, {
    ...run(0, 4, (i) => pageDescriptor(0xffff_e000 + 4096 * i, { AF: 1 })), // across 4 GiB
    ...run(4, 4, () => pageDescriptor(0x8000_0000, { AF: 1 })), // one page four times
    ...run(16, 16, (i) => pageDescriptor(0x9000_0000 + 4096 * i, { AF: 1, Contiguous: 1 })),
    ...run(32, 16, (i) => pageDescriptor(0x9001_0000 + 4096 * i, { AF: 1 })),
    100: 0x8000_0000n, // invalid, but not empty
    101: 0b01n, // reserved at level 3
    511: pageDescriptor(0x9002_f000, { AF: 1 }), // as the first of the next table goes on
  });
  const withheld = table(
    memory,
    run(0, 512, (i) => pageDescriptor(0x9003_0000 + 4096 * i, { AF: 1 })),
  );
  const blocks = table(memory, {
    0: tableDescriptor(pages),
    1: tableDescriptor(withheld, { APTable: 0b10 }),
    ...run(2, 3, (i) => blockDescriptor(0xa000_0000 + 2 * MIB * i, { AF: 1, nT: 1 })),
  });
  const upper = table(memory, {
    0: tableDescriptor(blocks, { UXNTable: 1 }),
    1: blockDescriptor(3 * GIB, { AF: 1 }),
    2: blockDescriptor(4 * GIB, { AF: 1 }),
    3: tableDescriptor(0x7000_0000), // no frame backs it
  });
  return tree4K(table(memory, { 0: tableDescriptor(upper, { PXNTable: 1 }), 1: blockDescriptor(0) }));
}

const brief = ({ va, pa, bytes, count, contiguous, limits }: LeafRange) => [
  va - LOWEST,
  pa,
  bytes,
  count,
  contiguous,
  limits,
];

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

describe('formatPtdump', () => {
  it('prints a whole kernel half as the kernel does', () => {
    const { k, memory, tree } = bootCpu(defaultBoard);
    expect(formatPtdump(ranges(memory, tree, true), tree, kernelMarkers(k.space)).join('\n')).toBe(
      `\
---[ Linear Mapping start ]---
0xffff000000000000-0xffff000000200000           2M PMD       RW NX SHD AF        BLK UXN    MEM/NORMAL-TAGGED
0xffff000000200000-0xffff000000210000          64K PTE       RW NX SHD AF    CON     UXN    MEM/NORMAL-TAGGED
0xffff000000210000-0xffff000000400000        1984K PTE       RW NX SHD AF            UXN    MEM/NORMAL
0xffff000000400000-0xffff000001800000          20M PMD       RW NX SHD AF        BLK UXN    MEM/NORMAL
0xffff000001800000-0xffff000001860000         384K PTE       RW NX SHD AF            UXN    MEM/NORMAL
0xffff000001860000-0xffff000001a00000        1664K PTE       RW NX SHD AF    CON     UXN    MEM/NORMAL-TAGGED
0xffff000001a00000-0xffff000002000000           6M PMD       RW NX SHD AF        BLK UXN    MEM/NORMAL-TAGGED
0xffff000002000000-0xffff000040000000         992M PMD       RW NX SHD AF    CON BLK UXN    MEM/NORMAL-TAGGED
0xffff000040000000-0xffff000100000000           3G PUD       RW NX SHD AF        BLK UXN    MEM/NORMAL-TAGGED
0xffff000100000000-0xffff008000000000         508G PUD
0xffff008000000000-0xffff800000000000      130560G PGD
---[ Linear Mapping end ]---
---[ Modules start ]---
0xffff800000000000-0xffff800080000000           2G PUD
---[ Modules end ]---
---[ vmalloc() area ]---
0xffff800080000000-0xffff800080cf0000       13248K PTE       ro x  SHD AF    CON     UXN    MEM/NORMAL
0xffff800080cf0000-0xffff800081650000        9600K PTE       ro NX SHD AF    CON     UXN    MEM/NORMAL
0xffff800081650000-0xffff800082000000        9920K PTE       RW NX SHD AF    CON     UXN    MEM/NORMAL
0xffff800082000000-0xffff8000c0000000         992M PMD
0xffff8000c0000000-0xffff808000000000         509G PUD
0xffff808000000000-0x0000000000000000      130560G PGD`,
    );
  });

  it('shows the layout published for a guest on AmpereOne, up to the pages of its runtime', () => {
    const model = cpuModels.ampereone;
    const kernelImage = { ...defaultBoard.kernelImage, rodataBytes: 0x2340_000 - defaultBoard.kernelImage.textBytes };
    const booted = bootCpu({ ...defaultBoard, memory: [{ base: GiB, bytes: 12 * GiB }], kernelImage, cpus: [model] });
    complete(markLinearTextAliasRo(booted.cpu, booted.k));
    const linear = ranges(booted.memory, booted.tree).filter(({ va }) => va < booted.k.space.pageEnd);
    const lines = formatPtdump(linear, booted.tree).map((line) => line.slice(40).trim().split(/ +/));
    expect(lines.map((words) => words.filter((word) => !/NX|SHD|AF|BLK|UXN|MEM/.test(word)).join(' '))).toEqual([
      '2M PMD RW',
      '64K PTE RW CON',
      '1984K PTE ro',
      '32M PMD ro',
      '1344K PTE ro',
      '704K PTE RW CON',
      '26M PMD RW',
      '960M PMD RW CON',
      '11G PUD RW',
    ]);
  });

  it('joins what looks alike wherever it leads, and cuts at a marker', () => {
    const memory = bareMemory();
    const tree = mixedTree(memory);
    const [first] = ranges(memory, tree);
    const part = (va: number, count: number): LeafRange => ({ ...first!, va, count });
    const listed = [part(LOWEST, 2), { ...part(LOWEST + 0x2000, 8), limits: 0 }];
    const prot = '       RW x      AF                   MEM/NORMAL';
    expect(formatPtdump(listed, tree, [{ va: LOWEST + 0x3800, name: 'here' }])).toEqual([
      `0xffff000000000000-0xffff000000004000          16K PTE${prot}`,
      '---[ here ]---',
      `0xffff000000004000-0xffff00000000a000          24K PTE${prot}`,
    ]);
  });

  it('tells invalid entries that are not empty, user pages, nG, GP and memory types', () => {
    const memory = bareMemory();
    const pages = table(memory, {
      0: pageDescriptor(GIB, { AF: 1, AP: 3, nG: 1, PXN: 1, GP: 1, AttrIndx: 4 }) - 1n,
      1: pageDescriptor(GIB, { AP: 1, AttrIndx: 2 }),
      2: pageDescriptor(GIB, { AttrIndx: 7 }),
    });
    const blocks = table(memory, { 0: tableDescriptor(pages) });
    const tree: Tree = { ...tree4K(blocks), vaBits: 30 };
    expect(formatPtdump(ranges(memory, tree, true), tree).slice(0, 4)).toEqual([
      '0xffffffffc0000000-0xffffffffc0001000           4K PTE F USR ro NX     AF NG             GP DEVICE/nGnRE',
      '0xffffffffc0001000-0xffffffffc0002000           4K PTE   USR RW x                           MEM/NORMAL-NC',
      '0xffffffffc0002000-0xffffffffc0003000           4K PTE       RW x                          ',
      '0xffffffffc0003000-0xffffffffc0200000        2036K PTE',
    ]);
    expect(formatPtdump(ranges(memory, tree, true), tree).at(-1)).toBe(
      '0xffffffffc0200000-0x0000000000000000        1022M PGD',
    );
  });
});
