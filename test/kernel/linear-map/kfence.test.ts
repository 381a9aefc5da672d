import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Board,
  GiB,
  type Granule,
  kernelImageAt,
  kernelImageEnd,
  MiB,
} from '../../../src/hardware/board/board.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizeBoard } from '../../../src/hardware/board/board-resize.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { layoutOf } from '../../../src/hardware/memory/layout.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { forcePteMapping } from '../../../src/kernel/boot/cpufeature.ts';
import { type KernelConfig, tablePagesNeeded } from '../../../src/kernel/config.ts';
import { kfenceAllocPool, kfencePoolBytes } from '../../../src/kernel/linear-map/kfence.ts';
import { linearMapRequiresBbml2 } from '../../../src/kernel/linear-map/linear-map.ts';
import { type LeafRange, rangeEnd, ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';

const board = (granule: Granule, memory = defaultBoard.memory): Board => ({
  ...defaultBoard,
  granule,
  memory,
  kernelImage: kernelImageAt(memory[0]!.base),
  cpus: [cpuModels['cortex-x4-r0p3']],
});

/** The ranges that map physical `[start, end)`. */
function leavesOf({ k, memory, tree }: Booted, start: number, end: number): LeafRange[] {
  const [first, last] = [start, end].map((pa) => physToVirt(k.space, pa)) as [number, number];
  return ranges(memory, tree).filter((range) => range.va < last && rangeEnd(range) > first);
}

/** 512 pages at the end of RAM, below the page-table pages: where the pool lies, if there is one. */
function poolPlace({ k, memory }: Booted): [number, number] {
  return [memory.poolPa - kfencePoolBytes(k.space.granule.pageBytes), memory.poolPa];
}

describe('an early KFENCE pool', () => {
  it.each<[Granule, number]>([
    ['4K', 2 * MiB],
    ['16K', 8 * MiB],
    ['64K', 32 * MiB],
  ])('is 512 pages: %s, %i bytes', (granule, bytes) => {
    expect(bootCpu(board(granule), { kfence: 'early' }).k.kfencePool?.bytes).toBe(bytes);
  });

  it.each<Granule>(['4K', '16K', '64K'])(
    '%s: is mapped with pages alone beside larger leaves, and its pages can be read',
    (granule) => {
      const booted = bootCpu(board(granule), { kfence: 'early' });
      const [start, end] = poolPlace(booted);
      expect(booted.k.kfencePool).toEqual({ base: start, bytes: end - start });
      const inside = leavesOf(booted, start, end);
      expect(inside.map(({ level, contiguous }) => [level, contiguous])).toEqual([[3, false]]);
      const before = leavesOf(booted, start - 64 * MiB, start);
      expect(before.some(({ level, contiguous }) => level < 3 || contiguous)).toBe(true);
      const { cpu, k } = booted;
      for (const pa of [start, end - 8]) expect(complete(load(cpu, physToVirt(k.space, pa)))).toBeTypeOf('bigint');
    },
  );

  it('is what makes the difference: without it, or with a late one, the same RAM is blocks', () => {
    for (const kfence of ['off', 'late'] as const) {
      const booted = bootCpu(board('4K'), { kfence });
      expect(booted.k.kfencePool).toBeUndefined();
      const [start, end] = poolPlace(booted);
      expect(leavesOf(booted, start, end).some(({ level }) => level < 3)).toBe(true);
    }
  });

  it('makes nobody force pages on the rest of RAM, nor require BBML2: a late one does', () => {
    const asks = (config: Partial<KernelConfig>, model: 'cortex-x4-r0p3' | 'cortex-a520'): boolean[] => {
      const { cpu, k } = bootCpu({ ...board('4K'), cpus: [cpuModels[model]] }, { rodata: 'noalias', ...config });
      return [forcePteMapping(cpu, k), linearMapRequiresBbml2(cpu, k)];
    };
    expect(asks({ kfence: 'early' }, 'cortex-x4-r0p3')).toEqual([false, false]);
    expect(asks({ kfence: 'early' }, 'cortex-a520')).toEqual([false, false]);
    expect(asks({ kfence: 'late' }, 'cortex-x4-r0p3')).toEqual([false, true]);
    expect(asks({ kfence: 'late' }, 'cortex-a520')).toEqual([true, false]);
  });

  it('that finds no room is not early: KFENCE may then be enabled late, and pages may have to change', () => {
    const full = board('64K', [{ base: GiB, bytes: 64 * MiB + 2 * MiB }]);
    const { cpu, k } = bootCpu({ ...full, cpus: [cpuModels['cortex-a520']] }, { kfence: 'early', rodata: 'noalias' });
    expect([k.kfencePool, k.config.kfence, forcePteMapping(cpu, k)]).toEqual([undefined, 'late', true]);
  });

  it('lies in RAM, beside the kernel image and the page-table pages, on every board', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...boardPresets.values()),
        fc.constantFrom<Granule>('4K', '16K', '64K'),
        fc.integer({ min: 64, max: 4096 }),
        (preset, granule, mib) => {
          const resized = resizeBoard(
            { ...preset, cpus: preset.cpus.slice(0, 1), lateCpus: [] },
            { granule, memoryBytes: mib * MiB },
          );
          if (!resized.ok) return;
          const layout = layoutOf(resized.board, tablePagesNeeded(resized.board));
          const pool = kfenceAllocPool(resized.board, layout);
          if (pool === undefined) return;
          const end = pool.base + pool.bytes;
          const { kernelImage, memory } = resized.board;
          expect(pool.base % 2 ** layout.pageShift).toBe(0);
          expect(memory.some(({ base, bytes }) => pool.base >= base && end <= base + bytes)).toBe(true);
          expect(end <= kernelImage.pa || pool.base >= kernelImageEnd(kernelImage)).toBe(true);
          expect(end <= layout.poolPa || pool.base >= layout.poolPa + layout.poolFrames * 2 ** layout.pageShift).toBe(
            true,
          );
        },
      ),
    );
  });
});
