import type { Board, MemoryBank } from '../../hardware/board/board.ts';
import type { Layout } from '../../hardware/memory/layout.ts';
import { highestFreeRam } from '../linear-map/kfence.ts';

/** Of the bounce buffers of a realm's devices, so many pages are acted out. */
const PAGES = 2;

/** Linux: swiotlb_init(), kernel/dma/swiotlb.c: free RAM from memblock. Undefined where there is none. */
export function swiotlbPool(board: Board, layout: Layout): MemoryBank | undefined {
  const bytes = PAGES * 2 ** layout.pageShift;
  const base = highestFreeRam(board, layout, bytes);
  return base === undefined ? undefined : { base, bytes };
}
