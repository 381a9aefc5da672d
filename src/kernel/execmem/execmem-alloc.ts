import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE_KERNEL } from '../tables/pgtable-prot.ts';
import { findVmArea, VM_FLUSH_RESET_PERMS } from '../vmalloc/vm-area.ts';
import { vfree, vmalloc } from '../vmalloc/vmalloc.ts';
import { execmemForceRw } from './execmem.ts';
import { cacheAlloc, cacheFree } from './execmem-cache.ts';
import { allocExecmemPages, freeExecmemPages, roundToExecmemPages } from './execmem-ram.ts';

/**
 * Memory for modules, kprobes, ftrace and BPF. Linux: mm/execmem.c, 6.18. Each piece is an area of its own, or with the ROX
 * cache (arm64: an RFC) a slice of an area of whole PMDs, all of which is read-only and executable, and full of trapping
 * instructions where nobody has put code.
 */

/** Linux: execmem_alloc(). The address of `bytes`, whole pages, for code; -ENOMEM. May sleep. */
export function* execmemAlloc(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  if (yield* k.text.execmem.hasRoxCache(cpu, k)) return yield* cacheAlloc(cpu, k, bytes);
  const size = roundToExecmemPages(k, bytes);
  const pa = yield* allocExecmemPages(cpu, k, size);
  if (pa < 0) return -ENOMEM;
  const area = yield* vmalloc(cpu, k, { bytes: size, prot: PAGE_KERNEL, pa, flags: VM_FLUSH_RESET_PERMS });
  if (area !== undefined) return area.addr;
  yield* freeExecmemPages(cpu, k, pa, size);
  return -ENOMEM;
}

/** Linux: execmem_alloc_rw(): such memory that may be written to, and not executed. */
export function* execmemAllocRw(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  const va = yield* execmemAlloc(cpu, k, bytes);
  if (va === -ENOMEM || !(yield* k.text.execmem.hasRoxCache(cpu, k))) return va;
  const error = yield* execmemForceRw(cpu, k, va, bytes / k.space.granule.pageBytes);
  if (error === 0) return va;
  yield* execmemFree(cpu, k, va);
  return -ENOMEM;
}

/** Linux: execmem_free(). `va`: as it was allocated. Not from interrupts: it may sleep. */
export function* execmemFree(cpu: Cpu, k: Kernel, va: number): Op {
  if (yield* cacheFree(cpu, k, va)) return;
  const area = yield* findVmArea(cpu, k, va);
  yield* vfree(cpu, k, va);
  if (area !== undefined) yield* freeExecmemPages(cpu, k, area.pa, area.bytes);
}
