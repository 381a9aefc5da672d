import type { Board, MemoryBank } from '../hardware/board.ts';
import { type Layout, poolPlace } from '../hardware/layout.ts';
import { virtToPhys } from './address-space.ts';
import type { Kernel } from './kernel.ts';

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
  const free = board.memory.map(({ base, bytes: all }) =>
    layout.poolPa >= base && layout.poolPa < base + all ? { base, bytes: layout.poolPa - base } : { base, bytes: all },
  );
  const base = poolPlace({ memory: free, kernelImage: board.kernelImage }, bytes);
  return base === undefined ? undefined : { base, bytes };
}

/** Linux: is_kfence_address(), of a pool that was taken early: a late one has been split when KFENCE began to use it. */
export function isKfenceAddress({ kfencePool, space }: Kernel, va: number): boolean {
  if (kfencePool === undefined) return false;
  const pa = virtToPhys(space, va);
  return pa >= kfencePool.base && pa < kfencePool.base + kfencePool.bytes;
}
