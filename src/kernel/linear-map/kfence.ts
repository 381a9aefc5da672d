import { alignDown } from '../../arch/address.ts';
import type { Board, MemoryBank } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { type Layout, poolPlace } from '../../hardware/memory/layout.ts';
import type { Op } from '../../hardware/op.ts';
import { virtToPhys } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';

/** CONFIG_KFENCE_NUM_OBJECTS as it comes. */
const NUM_OBJECTS = 255;

/** KFENCE_POOL_SIZE: a guard page beside each object's page, and two pages in front. */
export function kfencePoolBytes(pageBytes: number): number {
  return (NUM_OBJECTS + 1) * 2 * pageBytes;
}

/**
 * Linux: arm64_kfence_alloc_pool(), arch/arm64/mm/mmu.c: memblock gives the highest RAM that is free, here below the
 * page-table pages. Undefined where no bank has room.
 */
export function kfenceAllocPool(board: Board, layout: Layout): MemoryBank | undefined {
  const bytes = kfencePoolBytes(2 ** layout.pageShift);
  const base = highestFreeRam(board, layout, bytes);
  return base === undefined ? undefined : { base, bytes };
}

/**
 * Linux: kfence_init_late(): alloc_pages_exact(). Here the highest RAM that is free, at a place that the buddy allocator would
 * choose from: aligned to its size. Where there is not room for all 255 objects, CONFIG_KFENCE_NUM_OBJECTS is as much smaller
 * as it takes. Undefined where not even 16 pages are free.
 */
export function kfenceLatePool(board: Board, layout: Layout): MemoryBank | undefined {
  const pageBytes = 2 ** layout.pageShift;
  for (let bytes = kfencePoolBytes(pageBytes); bytes >= 16 * pageBytes; bytes /= 2) {
    const base = highestFreeRam(board, layout, 2 * bytes); // whoever else wants pages finds some below
    if (base !== undefined) return { base: alignDown(base + bytes, bytes), bytes };
  }
  return undefined;
}

/** Where `bytes` of free RAM end as high as they can, below the page-table pages. */
export function highestFreeRam({ memory, kernelImage }: Board, { poolPa }: Layout, bytes: number): number | undefined {
  const free = memory.map(({ base, bytes: all }) =>
    poolPa >= base && poolPa < base + all ? { base, bytes: poolPa - base } : { base, bytes: all },
  );
  return poolPlace({ memory: free, kernelImage }, bytes);
}

/** Linux: is_kfence_address(). The pages of a late pool are KFENCE's from when it is enabled, and have been split by then. */
export function* isKfenceAddress(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  const { kfencePool, kfenceLatePool: late, space, symbols } = k;
  const pa = virtToPhys(space, va);
  if (kfencePool !== undefined) return holds(kfencePool, pa);
  return late !== undefined && holds(late, pa) && (yield* load(cpu, symbols.variables.kfence_enabled)) === 1n;
}

function holds({ base, bytes }: MemoryBank, pa: number): boolean {
  return pa >= base && pa < base + bytes;
}
