import { describe, expect, it } from 'vitest';
import { contiguousRun } from '../../../src/arch/granule.ts';
import { type Board, GiB, type Granule, kernelImageAt, MiB, type VaBits } from '../../../src/hardware/board/board.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import {
  createPgdMappingLocked,
  markLinearTextAliasRo,
  memblockRegions,
  pgattrChangeIsSafe,
} from '../../../src/kernel/linear-map/linear-map.ts';
import { type LeafRange, rangeEnd, tablePages } from '../../../src/kernel/ptdump/ptdump.ts';
import { sizeShares } from '../../../src/kernel/ptdump/ptdump-sizes.ts';
import {
  PAGE_KERNEL,
  PAGE_KERNEL_RO,
  PAGE_KERNEL_ROX,
  PTE_CONT,
  PTE_NG,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete, linearRanges } from '../boot-cpu.ts';

const WITH_BBML2 = cpuModels['cortex-x4-r0p3'];
const WITHOUT = cpuModels['cortex-a520'];

/** 4 GiB from 1 GiB on, a kernel image of 32 MiB. */
const withGranule = (granule: Granule, vaBits: VaBits, cpus = [WITH_BBML2]): Board => ({
  ...defaultBoard,
  granule,
  vaBits,
  cpus,
});

/** Names of the leaf kinds the linear map is made of. */
function linearKinds({ k, memory, tree }: Booted): string[] {
  return sizeShares(memory, tree, k.space.pageOffset, k.space.pageEnd).map(({ name }) => name);
}

/** The ranges that map the kernel's text and rodata. */
function aliasOf(booted: Booted): LeafRange[] {
  const { space } = booted.k;
  const start = physToVirt(space, space.text);
  const end = physToVirt(space, space.initBegin);
  return linearRanges(booted).filter((range) => range.va < end && rangeEnd(range) > start);
}

describe('the linear map with every granule and VA size of Linux', () => {
  it.each<[Granule, VaBits, kinds: string[], tables: number[], tablesOfPages: number[]]>([
    ['4K', 48, ['4K', '64K cont', '2M', '32M cont', '1G'], [1, 2, 2, 7], [1, 2, 5, 2043]],
    ['4K', 39, ['4K', '64K cont', '2M', '32M cont', '1G'], [0, 1, 2, 7], [0, 1, 5, 2043]],
    ['16K', 48, ['16K', '2M cont', '32M', '1G cont'], [1, 2, 2, 3], [1, 2, 2, 130]],
    ['16K', 47, ['16K', '2M cont', '32M', '1G cont'], [0, 1, 2, 3], [0, 1, 2, 130]],
    ['16K', 36, ['16K', '2M cont', '32M'], [0, 0, 1, 3], [0, 0, 1, 130]],
    ['64K', 48, ['64K', '2M cont', '512M'], [0, 1, 2, 2], [0, 1, 2, 9]],
    ['64K', 42, ['64K', '2M cont', '512M'], [0, 0, 1, 2], [0, 0, 1, 9]],
  ])(
    '%s, %i bits: the largest leaves that fit, in the fewest tables',
    (granule, vaBits, kinds, tables, tablesOfPages) => {
      const large = bootCpu(withGranule(granule, vaBits));
      expect(linearKinds(large)).toEqual(kinds);
      expect(tablePages(large.memory, large.tree)).toEqual(tables);
      const small = bootCpu(withGranule(granule, vaBits, [WITHOUT]));
      expect(linearKinds(small)).toEqual(granule === '4K' ? ['4K', '2M'] : [granule]);
      expect(tablePages(small.memory, small.tree)).toEqual(tablesOfPages);
    },
  );

  it.each([
    [16, 48],
    [17, 0],
  ])('64K, RAM from %i GiB on: %i of 64 GiB in 16 GiB runs, for memstart is aligned to 512 MiB only', (base, runs) => {
    const memory = [{ base: base * GiB, bytes: 64 * GiB }];
    const kernelImage = kernelImageAt(base * GiB);
    const booted = bootCpu({ ...withGranule('64K', 48), memory, kernelImage });
    const share = sizeShares(booted.memory, booted.tree).find(({ name }) => name === '16G cont');
    expect(share?.bytes ?? 0).toBe(runs * GiB);
  });

  it('never sets the contiguous bit on a 1 GiB block, although the architecture has it there', () => {
    const memory = [{ base: 16 * GiB, bytes: 64 * GiB }];
    const booted = bootCpu({ ...withGranule('4K', 48), memory, kernelImage: kernelImageAt(16 * GiB) });
    const blocks = linearRanges(booted).filter(({ level }) => level === 1);
    expect(contiguousRun(booted.k.space.granule, 1)).toBe(16);
    expect(blocks.map(({ bytes, count, contiguous }) => [bytes, count, contiguous])).toEqual([[GiB, 63, false]]);
  });

  it('leaves a hole in RAM unmapped, and starts anew behind it', () => {
    const booted = bootCpu(boardPresets.get('two-bank')!);
    const spans = memblockRegions(booted.k.board.memory).map(([start, end]) => [
      physToVirt(booted.k.space, start),
      physToVirt(booted.k.space, end),
    ]);
    const mapped = linearRanges(booted);
    const holes = mapped.flatMap((range, i) => {
      const next = mapped[i + 1]?.va ?? booted.k.space.pageEnd;
      return next === rangeEnd(range) ? [] : [[rangeEnd(range), next]];
    });
    expect(holes).toEqual([
      [spans[0]![1], spans[1]![0]],
      [spans[1]![1], booted.k.space.pageEnd],
    ]);
  });

  it('does not see where two banks touch', () => {
    const split = (at: number): Board => ({
      ...defaultBoard,
      memory: [
        { base: GiB, bytes: at },
        { base: GiB + at, bytes: 4 * GiB - at },
      ],
    });
    const whole = linearRanges(bootCpu(defaultBoard));
    for (const at of [GiB, 1536 * MiB, 2 * GiB + 4096]) expect(linearRanges(bootCpu(split(at)))).toEqual(whole);
  });
});

describe('the alias of the kernel text and rodata', () => {
  it.each<[Granule, blocks: number]>([
    ['4K', 10],
    ['16K', 0],
    ['64K', 0],
  ])('%s: has %i blocks and no contiguous entry, whatever the boot CPU can do', (granule, blocks) => {
    for (const cpus of [[WITH_BBML2], [WITHOUT]]) {
      const alias = aliasOf(bootCpu(withGranule(granule, 48, cpus)));
      expect(alias.filter(({ contiguous }) => contiguous)).toEqual([]);
      const found = alias.filter(({ level }) => level === 2).reduce((sum, { count }) => sum + count, 0);
      expect(found).toBe(blocks);
    }
  });

  it('loses its write permission and nothing else, without another table', () => {
    for (const granule of ['4K', '16K', '64K'] as const) {
      const booted = bootCpu(withGranule(granule, 48));
      const before = linearRanges(booted);
      const tables = allocatedFrames(booted.memory).now;
      complete(markLinearTextAliasRo(booted.cpu, booted.k));
      const toReadOnly = PAGE_KERNEL ^ PAGE_KERNEL_RO;
      const alias = new Set(before.filter((range) => aliasOf(booted).some(({ va }) => va === range.va)));
      expect(linearRanges(booted)).toEqual(
        before.map((range) => (alias.has(range) ? { ...range, descriptor: range.descriptor ^ toReadOnly } : range)),
      );
      expect(allocatedFrames(booted.memory).now).toBe(tables);
    }
  });

  it('could not become read-only if it were contiguous', () => {
    const { cpu, k } = bootCpu(defaultBoard);
    const { text, initBegin } = k.space;
    const va = physToVirt(k.space, text) + 2 ** 40;
    const pgd = k.symbols.swapperPgDir;
    complete(createPgdMappingLocked(cpu, k, pgd, text, va, initBegin - text, PAGE_KERNEL, {}));
    expect(() => complete(createPgdMappingLocked(cpu, k, pgd, text, va, initBegin - text, PAGE_KERNEL_RO, {}))).toThrow(
      'unsafe change',
    );
  });
});

describe('createPgdMapping', () => {
  const far = (booted: Booted, offset = 0): number => booted.k.space.pageOffset + 2 ** 40 + offset;
  const map = ({ cpu, k }: Booted, pa: number, va: number, bytes: number): void =>
    complete(createPgdMappingLocked(cpu, k, k.symbols.swapperPgDir, pa, va, bytes, PAGE_KERNEL, {}));

  it('maps whole pages around what is asked for', () => {
    const booted = bootCpu(defaultBoard);
    map(booted, GiB + 0x1100, far(booted, 0x1100), 0x1000);
    const [range] = linearRanges(booted).filter(({ va }) => va >= far(booted));
    expect(range).toMatchObject({ va: far(booted, 0x1000), pa: GiB + 0x1000, bytes: 4096, count: 2 });
    map(booted, GiB, far(booted, MiB), 0xff01);
    const [run] = linearRanges(booted).filter(({ va }) => va >= far(booted, MiB));
    expect(run).toMatchObject({ bytes: 4096, count: 16, contiguous: true });
  });

  it('refuses what no page table can express, or would break a live entry', () => {
    const booted = bootCpu(defaultBoard);
    expect(() => map(booted, GiB, far(booted, 8), 4096)).toThrow('page offset');
    map(booted, GiB, far(booted), 4096);
    map(booted, GiB, far(booted), 4096);
    expect(() => map(booted, GiB + 4096, far(booted), 4096)).toThrow('unsafe change');
    map(booted, GiB, far(booted, 2 * MiB), 2 * MiB);
    expect(() => map(booted, GiB, far(booted, 2 * MiB), 4096)).toThrow('a block is mapped');
  });
});

describe('pgattrChangeIsSafe', () => {
  const page = PAGE_KERNEL | BigInt(GiB);

  it.each<[what: string, old: bigint, value: bigint, safe: boolean]>([
    ['taking down a mapping', page, 0n, true],
    ['making one', 0n, page | PTE_CONT, true],
    ['permissions', page, PAGE_KERNEL_ROX | BigInt(GiB), true],
    ['Normal to Normal-Tagged', page, page | (1n << 2n), true],
    ['Normal to Device', page, page | (3n << 2n), false],
    ['global to non-global', page, page | PTE_NG, true],
    ['non-global to global', page | PTE_NG, page, false],
    ['the output address', page, page + 4096n, false],
    ['the contiguous bit', page, page | PTE_CONT, false],
    ['permissions of a contiguous entry', page | PTE_CONT, PAGE_KERNEL_RO | BigInt(GiB) | PTE_CONT, false],
    ['the shareability', page, page & ~(3n << 8n), false],
  ])('%s', (_, old, value, safe) => {
    expect(pgattrChangeIsSafe(old, value)).toBe(safe);
  });
});
