import { describe, expect, it } from 'vitest';
import type { Board, KernelImage } from '../../../src/hardware/board/board.ts';
import { GiB, kernelImageAt } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { imageVa, physToVirt } from '../../../src/kernel/address-space.ts';
import {
  createPgdMapping,
  type MappingFlags,
  markLinearTextAliasRo,
  placeRoot,
} from '../../../src/kernel/linear-map/linear-map.ts';
import { kernelTree, ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { earlyPgtableAlloc } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL, PAGE_KERNEL_RO, PAGE_KERNEL_TAGGED } from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { differences, readRealMap, type Stretch, stretchesOf, stretchesWithin } from '../real-map.ts';

const RAM_BASE = 0x4000_0000;
const WITH_BBML2 = cpuModels['cortex-x4-r0p3'];
const WITHOUT = cpuModels['cortex-a520'];

/** The machine that the data were taken from: 2 GiB of RAM, and the 6.1 kernel where it lay. */
const REAL: Board = {
  ...defaultBoard,
  name: 'as measured',
  memory: [{ base: RAM_BASE, bytes: 2 * GiB }],
  kernelImage: kernelImageAt(RAM_BASE),
  cpus: [WITHOUT],
};

/** The 6.12 kernel with the 16K granule; text, rodata, init and data as its own ranges above the linear map show them. */
const IMAGE_16K: KernelImage = {
  pa: 0x4020_0000,
  textBytes: 0xf5_0000,
  rodataBytes: 0xde_0000,
  initBytes: 0x9c_0000,
  dataBytes: 0x4f_0000,
};
const REAL_16K: Board = { ...REAL, granule: '16K', kernelImage: IMAGE_16K };

/** The linear map as it is once the alias of text and rodata is read-only. */
function paintedMap({ cpu, k, memory, tree }: Booted): Stretch[] {
  complete(markLinearTextAliasRo(cpu, k));
  return stretchesOf(ranges(memory, tree), k.space.pageOffset, k.space.pageEnd);
}

/** Since boot, set_memory_ro() took write access from pages that vmalloc maps executable: rodata=full, their alias too. */
const readOnlySince = (from: string, to: string): string[] => [
  `AP ${from}-${to}: 2, here 0`,
  `DBM ${from}-${to}: 0, here 1`,
];

describe('the linear map against those of real kernels', () => {
  it('is that of 6.1 rodata=on, today rodata=noalias, without exception', () => {
    for (const model of [WITH_BBML2, WITHOUT]) {
      const booted = bootCpu({ ...REAL, cpus: [model] }, { rodata: 'noalias' });
      expect(differences(readRealMap('6.1-rodata_on').linear, paintedMap(booted))).toEqual([]);
    }
  });

  it('is the same under rodata=full since 6.18, where the boot CPU has BBML2', () => {
    const booted = bootCpu({ ...REAL, cpus: [WITH_BBML2] }, { rodata: 'full' });
    expect(differences(readRealMap('6.1-rodata_on').linear, paintedMap(booted))).toEqual([]);
  });

  it('is that of 6.1 rodata=full where the boot CPU lacks BBML2, but for one page made read-only later', () => {
    const booted = bootCpu(REAL, { rodata: 'full' });
    expect(differences(readRealMap('6.1-full').linear, paintedMap(booted))).toEqual(
      readOnlySince('26bd000', '26be000'),
    );
  });

  it('is that of 6.12 with the 16K granule, but for the meaning of SH and three runs made read-only later', () => {
    const booted = bootCpu(REAL_16K, { rodata: 'full' });
    expect(differences(readRealMap('6.12-16k-full').linear, paintedMap(booted))).toEqual([
      // That kernel runs with TCR_EL1.DS: SH holds OA[51:50], here 0, and shareability is TCR_EL1.SH1's.
      'SH 0-80000000: 0, here 3',
      ...readOnlySince('4388000', '43e0000'),
      ...readOnlySince('8100000', '8200000'),
      ...readOnlySince('8300000', '83a8000'),
    ]);
  });

  it.each([
    ['6.1-rodata_on', 0],
    ['6.1-full', 1],
    ['6.12-16k-full', 3],
  ])('%s: every tagged run that is read-only is executable text somewhere above', (name, count) => {
    const { linear, rest } = readRealMap(name);
    const runs = linear.filter(({ AP, AttrIndx }) => AP === 2 && AttrIndx === 1);
    expect(runs).toHaveLength(count);
    for (const run of runs) {
      const text = rest.find(({ from, to, output, AP, PXN }) => {
        const pa = run.output + run.from;
        return AP === 2 && PXN === 0 && output + from <= pa && pa + run.to - run.from <= output + to;
      });
      expect(text).toBeDefined();
    }
  });
});

describe('the image against those of real kernels', () => {
  /** KIMAGE_VADDR: with VA_BITS of 48, of 6.1 and of 6.12, whose linear map ends earlier. */
  it.each<[name: string, kimage: string, board: Board, differ: string[]]>([
    ['6.1-full', '0xffff800008000000', REAL, []],
    ['6.1-rodata_on', '0xffff800008000000', REAL, []],
    // There .head.text is no text any more, so that text begins in the middle of a group; and SH means something else.
    [
      '6.12-16k-full',
      '0xffffc00080000000',
      REAL_16K,
      ['Contiguous 0-200000: 0, here 1', 'PXN 0-10000: 1, here 0', 'SH 0-1d30000: 0, here 3'],
    ],
  ])('is that of %s, but for the memory of init, which that has given back', (name, kimage, board, differ) => {
    const { k, memory, tree } = bootCpu(board, { rodata: name.endsWith('on') ? 'noalias' : 'full' });
    const { space } = k;
    const [start, end] = [imageVa(space, space.text), imageVa(space, space.end)];
    const there = Number(BigInt.asIntN(64, BigInt(kimage))) - space.kimageVaddr;
    const real = stretchesWithin(readRealMap(name).rest, start + there, end + there);
    const ours = stretchesOf(ranges(memory, tree), start, end);
    const [init, data] = [imageVa(space, space.initBegin) - start, imageVa(space, space.data) - start];
    const sh = differ.some((each) => each.startsWith('SH'))
      ? [`SH ${data.toString(16)}-${(end - start).toString(16)}: 0, here 3`]
      : [];
    expect(differences(real, ours)).toEqual([
      ...differ,
      `mapped ${init.toString(16)}-${data.toString(16)}: 0, here 1`,
      ...sh,
    ]);
  });
});

/** How the pieces of the linear map are painted; the defaults are what `mapMem` does on a CPU without BBML2. */
interface Painting {
  readonly rest?: MappingFlags;
  readonly restProt?: bigint;
  readonly restEnd?: number;
  readonly alias?: MappingFlags;
  readonly aliasProt?: bigint;
  /** Added to its physical address. */
  readonly aliasShift?: number;
}

/** Paints a second tree on a machine whose own map has few tables. */
function paintedApart(painting: Painting): Stretch[] {
  const { cpu, k, memory } = bootCpu(REAL, { rodata: 'noalias' });
  const root = complete(earlyPgtableAlloc(cpu));
  placeRoot(cpu, k, root, k.space.pageOffset);
  const map = (start: number, end: number, shift: number, prot: bigint, flags: MappingFlags): void =>
    complete(createPgdMapping(cpu, k, root, start + shift, physToVirt(k.space, start), end - start, prot, flags));
  const { text, initBegin } = k.space;
  const { rest = { noBlock: true, noCont: true, noExec: true }, restProt = PAGE_KERNEL_TAGGED } = painting;
  map(RAM_BASE, text, 0, restProt, rest);
  map(initBegin, painting.restEnd ?? RAM_BASE + 2 * GiB, 0, restProt, rest);
  const { alias = { noCont: true }, aliasProt = PAGE_KERNEL_RO, aliasShift = 0 } = painting;
  map(text, initBegin, aliasShift, aliasProt, alias);
  return stretchesOf(ranges(memory, kernelTree(k.space, root)), k.space.pageOffset, k.space.pageEnd);
}

describe('the comparison with 6.1 rodata=full', () => {
  const accepted = readOnlySince('26bd000', '26be000');

  it('finds nothing more in a tree painted piece by piece', () => {
    expect(differences(readRealMap('6.1-full').linear, paintedApart({}))).toEqual(accepted);
  });

  it.each<[what: string, painting: Painting, expected: string[]]>([
    [
      'an alias with contiguous entries',
      { alias: {} },
      ['Contiguous 210000-400000: 0, here 1', 'Contiguous 1800000-1860000: 0, here 1'],
    ],
    [
      'an alias of pages only',
      { alias: { noCont: true, noBlock: true } },
      ['leafBytes 400000-1800000: 2097152, here 4096'],
    ],
    ['a writable alias', { aliasProt: PAGE_KERNEL }, ['AP 210000-1860000: 2, here 0', 'DBM 210000-1860000: 0, here 1']],
    ['a tagged alias', { aliasProt: PAGE_KERNEL_RO | (1n << 2n) }, ['AttrIndx 210000-1860000: 0, here 1']],
    ['an alias of other text', { aliasShift: 0x20_0000 }, ['output 210000-1860000: 1073741824, here 1075838976']],
    [
      'blocks where pages are due',
      { rest: { noCont: true, noExec: true } },
      [
        'leafBytes 0-200000: 4096, here 2097152',
        'leafBytes 1a00000-40000000: 4096, here 2097152',
        'leafBytes 40000000-80000000: 4096, here 1073741824',
      ],
    ],
    [
      'contiguous pages where single ones are due',
      { rest: { noBlock: true, noExec: true } },
      ['Contiguous 0-210000: 0, here 1', 'Contiguous 1860000-80000000: 0, here 1'],
    ],
    [
      'tables that do not withhold execution',
      { rest: { noBlock: true, noCont: true } },
      ['limits 0-80000000: 3, here 2'],
    ],
    [
      'RAM of another type',
      { restProt: PAGE_KERNEL },
      ['AttrIndx 0-210000: 1, here 0', 'AttrIndx 1860000-80000000: 1, here 0'],
    ],
    ['a page too few', { restEnd: RAM_BASE + 2 * GiB - 4096 }, ['mapped 7ffff000-80000000: 1, here 0']],
    ['a page too many', { restEnd: RAM_BASE + 2 * GiB + 4096 }, ['mapped 80000000-80001000: 0, here 1']],
  ])('would notice %s', (_, painting, expected) => {
    const found = differences(readRealMap('6.1-full').linear, paintedApart(painting));
    expect(found.filter((line) => !accepted.includes(line))).toEqual(expected);
  });

  it('would notice the blocks of a boot CPU with BBML2', () => {
    const found = differences(readRealMap('6.1-full').linear, paintedMap(bootCpu({ ...REAL, cpus: [WITH_BBML2] })));
    expect(found.filter((line) => !accepted.includes(line))).toEqual([
      'leafBytes 0-200000: 4096, here 2097152',
      'Contiguous 200000-210000: 0, here 1',
      'Contiguous 1860000-1a00000: 0, here 1',
      'leafBytes 1a00000-40000000: 4096, here 2097152',
      'Contiguous 2000000-40000000: 0, here 1',
      'leafBytes 40000000-80000000: 4096, here 1073741824',
    ]);
  });
});
