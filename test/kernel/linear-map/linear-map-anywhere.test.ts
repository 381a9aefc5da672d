import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contiguousRun } from '../../../src/arch/granule.ts';
import { type Board, GiB, type Granule, type MemoryBank, MiB, type VaBits } from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { walkerPort } from '../../../src/hardware/memory/memory.ts';
import { newWalk, walk } from '../../../src/hardware/translation/walker.ts';
import { imageVa, physToVirt } from '../../../src/kernel/address-space.ts';
import { tablePagesNeeded } from '../../../src/kernel/config.ts';
import { markLinearTextAliasRo, memblockRegions } from '../../../src/kernel/linear-map/linear-map.ts';
import { ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { type Booted, bootCpu, complete, linearRanges } from '../boot-cpu.ts';

const WITH_BBML2 = cpuModels['cortex-x4-r0p3'];
const WITHOUT = cpuModels['cortex-a520'];

/** A board as the property likes it: RAM and image at any page, blocks and contiguous runs likely to fit. */
const boards: fc.Arbitrary<Board> = fc
  .constantFrom<[Granule, VaBits]>(
    ['4K', 48],
    ['4K', 39],
    ['16K', 48],
    ['16K', 47],
    ['16K', 36],
    ['64K', 48],
    ['64K', 42],
  )
  .chain(([granule, vaBits]) => {
    const page = { '4K': 4096, '16K': 16384, '64K': 65536 }[granule];
    const pages = (max: number) => fc.integer({ min: 0, max }).map((count) => count * page);
    const large = fc.constantFrom(0, 2 * MiB, 32 * MiB, 64 * MiB, 512 * MiB, GiB);
    const bank = fc.record({
      gap: fc.tuple(pages(300), large).map(([few, many]) => few + many),
      align: fc.constantFrom(page, page, 2 * MiB, 32 * MiB, GiB),
      bytes: fc.tuple(pages(300), large).map(([few, many]) => page + few + many),
    });
    const image = fc.record({
      bank: fc.nat(),
      offset: pages(40),
      textBytes: pages(1200).map((bytes) => bytes + page),
      rodataBytes: pages(20).map((bytes) => bytes + page),
      initBytes: pages(20).map((bytes) => bytes + page),
    });
    return fc
      .tuple(fc.array(bank, { minLength: 1, maxLength: 3 }), image, fc.constantFrom(WITH_BBML2, WITHOUT))
      .map(([banks, where, model]) => boardOf(granule, vaBits, page, banks, where, model));
  });

interface BankWish {
  readonly gap: number;
  readonly align: number;
  readonly bytes: number;
}

interface ImageWish {
  readonly bank: number;
  readonly offset: number;
  readonly textBytes: number;
  readonly rodataBytes: number;
  readonly initBytes: number;
}

/** The image's bank grows by the image, the last one by what page tables need. */
function boardOf(
  granule: Granule,
  vaBits: VaBits,
  page: number,
  banks: readonly BankWish[],
  { bank, offset, ...segments }: ImageWish,
  model: Board['cpus'][number],
): Board {
  const dataBytes = 24 * page;
  const imageBytes = offset + segments.textBytes + segments.rodataBytes + segments.initBytes + dataBytes;
  const memory: { base: number; bytes: number }[] = [];
  let end = 0;
  banks.forEach(({ gap, align, bytes }, i) => {
    const base = Math.ceil((end + gap) / align) * align;
    memory.push({ base, bytes: bytes + (i === bank % banks.length ? imageBytes : 0) });
    end = base + memory[i]!.bytes;
  });
  const kernelImage = { pa: memory[bank % banks.length]!.base + offset, ...segments, dataBytes };
  const board: Board = { ...defaultBoard, granule, vaBits, memory, kernelImage, cpus: [model] };
  memory.at(-1)!.bytes += (tablePagesNeeded(board) + 8) * page + 4 * MiB;
  return board;
}

/** What the hardware walker finds: pages of RAM at their linear address, and what else is not as it should be. */
interface Found {
  pages: number;
  /** Linear addresses and image addresses that lead elsewhere, or nowhere. */
  readonly wrong: number[];
  /** Neighbours of RAM that lead somewhere. */
  readonly unexpected: number[];
}

function walkEverything({ cpu, k }: Booted): Found {
  const { space } = k;
  const { pageBytes } = space.granule;
  const port = walkerPort(cpu.memory, () => true);
  const walked = newWalk();
  const leadsTo = (va: number): number => {
    walk(port, cpu.regime1!, va, walked);
    return walked.fault === 0 ? walked.pa : -1;
  };
  const found: Found = { pages: 0, wrong: [], unexpected: [] };
  const regions = memblockRegions(k.board.memory);
  for (const [start, end] of regions)
    for (let pa = start; pa < end; pa += pageBytes)
      if (leadsTo(physToVirt(space, pa)) === pa) found.pages += 1;
      else found.wrong.push(physToVirt(space, pa));
  for (let pa = space.text; pa < space.end; pa += pageBytes)
    if (leadsTo(imageVa(space, pa)) !== pa) found.wrong.push(imageVa(space, pa));
  for (const pa of regions.flatMap(([start, end]) => [start - pageBytes, end])) {
    const va = physToVirt(space, pa);
    const isRam = regions.some(([start, end]) => pa >= start && pa < end);
    if (!isRam && va >= space.pageOffset && va < space.pageEnd && leadsTo(va) >= 0) found.unexpected.push(va);
  }
  return found;
}

const bytesOf = (banks: readonly Pick<MemoryBank, 'bytes'>[]): number =>
  banks.reduce((sum, { bytes }) => sum + bytes, 0);

describe('for any RAM, any place of the image and any granule', () => {
  it('maps every page of RAM once, to itself, and nothing else, and the image where it is linked, in whole runs', () => {
    fc.assert(
      fc.property(boards, (board) => {
        expect(validateBoard(board)).toEqual([]);
        const booted = bootCpu(board);
        complete(markLinearTextAliasRo(booted.cpu, booted.k));
        const { pageBytes } = booted.k.space.granule;
        const ram = bytesOf(board.memory);
        expect(walkEverything(booted)).toEqual({ pages: ram / pageBytes, wrong: [], unexpected: [] });
        expect(linearRanges(booted).reduce((sum, { bytes, count }) => sum + bytes * count, 0)).toBe(ram);
        for (const { va, pa, bytes, count, level, contiguous } of ranges(booted.memory, booted.tree)) {
          const run = contiguous ? contiguousRun(booted.k.space.granule, level) : 1;
          expect([va, pa].map((address) => Math.abs(address % (bytes * run)))).toEqual([0, 0]);
          expect(count % run).toBe(0);
        }
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});
