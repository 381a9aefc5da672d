import { describe, expect, it } from 'vitest';
import { pageDescriptor, tableDescriptor } from '../../../src/arch/descriptor.ts';
import { GiB } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { markLinearTextAliasRo } from '../../../src/kernel/linear-map/linear-map.ts';
import { type LeafRange, ranges, type Tree } from '../../../src/kernel/ptdump/ptdump.ts';
import { formatPtdump, kernelMarkers } from '../../../src/kernel/ptdump/ptdump-format.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { bareMemory, GIB, LOWEST, mixedTree, table, tree4K } from './mixed-tree.ts';

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
0xffff800080000000-0xffff800080010000          64K PTE
0xffff800080010000-0xffff800080200000        1984K PTE       ro x  SHD AF    CON     UXN    MEM/NORMAL
0xffff800080200000-0xffff800080c00000          10M PMD       ro x  SHD AF        BLK UXN    MEM/NORMAL
0xffff800080c00000-0xffff800080d00000           1M PTE       ro x  SHD AF    CON     UXN    MEM/NORMAL
0xffff800080d00000-0xffff800080e00000           1M PTE       ro NX SHD AF            UXN    MEM/NORMAL
0xffff800080e00000-0xffff800081600000           8M PMD       ro NX SHD AF        BLK UXN    MEM/NORMAL
0xffff800081600000-0xffff800081660000         384K PTE       ro NX SHD AF            UXN    MEM/NORMAL
0xffff800081660000-0xffff800081800000        1664K PTE       RW NX SHD AF            UXN    MEM/NORMAL
0xffff800081800000-0xffff800081c00000           4M PMD       RW NX SHD AF        BLK UXN    MEM/NORMAL
0xffff800081c00000-0xffff800081cb0000         704K PTE       RW NX SHD AF            UXN    MEM/NORMAL
0xffff800081cb0000-0xffff800081e00000        1344K PTE       RW NX SHD AF    CON     UXN    MEM/NORMAL
0xffff800081e00000-0xffff800082000000           2M PMD       RW NX SHD AF        BLK UXN    MEM/NORMAL
0xffff800082000000-0xffff800082010000          64K PTE       RW NX SHD AF    CON     UXN    MEM/NORMAL
0xffff800082010000-0xffff800082200000        1984K PTE
0xffff800082200000-0xffff8000c0000000         990M PMD
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
