import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { kernelMapPages } from './pageattr.ts';

/**
 * debug_pagealloc=on: pages that are free are not mapped. Linux: mm/page_alloc.c. Allocations come from everywhere, softirqs and
 * sections of lazy MMU mode included.
 */

/** Linux: free_pages_prepare(), debug_pagealloc_unmap_pages(): whoever touches the pages from here on is caught. */
export function* freePagesPrepare(cpu: Cpu, k: Kernel, va: number, pages: number): Op {
  if (k.config.debugPagealloc) yield* kernelMapPages(cpu, k, va, pages, false);
}

/** Linux: post_alloc_hook(), debug_pagealloc_map_pages(): the pages are there, and are looked at or cleared at once. */
export function* postAllocHook(cpu: Cpu, k: Kernel, va: number, pages: number): Op {
  if (k.config.debugPagealloc) yield* kernelMapPages(cpu, k, va, pages, true);
  for (let page = 0; page < pages; page++) yield* load(cpu, va + page * k.space.granule.pageBytes);
}
