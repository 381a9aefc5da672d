import { alignUp, isAligned } from '../../arch/address.ts';
import { levelShift } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { setDirectMapDefaultNoflush, setDirectMapInvalidNoflush } from '../linear-map/pageattr.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { maybeNg, type Prot } from '../tables/pgtable-prot.ts';
import { contPteBytes } from '../tables/set-huge-pte.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';
import {
  allocVmapArea,
  findUnlinkVmArea,
  freeVmapAreaNoflush,
  giveBackVmapAreas,
  insertVmArea,
  lazyAreas,
  VM_ALLOC,
  VM_ALLOW_HUGE_VMAP,
  VM_FLUSH_RESET_PERMS,
  type VmStruct,
  vmAreaStart,
} from './vm-area.ts';
import { vmapRange, vunmapRangeNoflush } from './vmap.ts';

/** Areas that are mapped, unmapped, and flushed when there is need. Linux: mm/vmalloc.c, 6.18. */

/** The sentences of unmapping. A named bug replaces one of them. */
export interface VmallocText {
  /** What becomes of the addresses of an area that has been unmapped, and not flushed. */
  readonly free: (cpu: Cpu, k: Kernel, area: VmStruct) => Op;
  readonly purgeFlush: typeof flushTlbKernelRange;
}

/** Whatever was freed since the last purge needs one flush, and only before its addresses are used again. */
export const VMALLOC_6_18: VmallocText = { free: freeVmapAreaNoflush, purgeFlush: flushTlbKernelRange };

/** What somebody wants mapped. */
export interface VmallocRequest {
  readonly bytes: number;
  readonly prot: Prot;
  /** Physical address of its pages, which the caller has from the page allocator, one after the other. */
  readonly pa: number;
  /** Beside VM_ALLOC. */
  readonly flags?: number;
}

/**
 * Linux: __vmalloc_node_range(). The area, or undefined: no addresses, or no tables. With VM_ALLOW_HUGE_VMAP in the largest
 * pieces that its size and its pages' alignment allow, and then as many bytes as whole pieces have. May sleep.
 */
export function* vmalloc(cpu: Cpu, k: Kernel, request: VmallocRequest): Op<VmStruct | undefined> {
  const { bytes, prot, pa, flags = 0 } = request;
  const shift = (flags & VM_ALLOW_HUGE_VMAP) === 0 ? k.space.granule.pageShift : hugeShift(k, bytes, pa);
  const area = yield* getVmArea(cpu, k, alignUp(bytes, 2 ** shift), VM_ALLOC | flags, pa);
  if (area === undefined) return undefined;
  if ((yield* vmapPagesRange(cpu, k, area, maybeNg(k.config, prot), shift)) === 0) return area;
  yield* vfree(cpu, k, area.addr);
  return undefined;
}

/** Linux: what __vmalloc_node_range() and arch_vmap_pte_supported_shift() choose, and a second try with single pages. */
function hugeShift(k: Kernel, bytes: number, pa: number): number {
  const { granule } = k.space;
  const pmdShift = levelShift(granule, 2);
  const group = contPteBytes(k);
  const shift = bytes >= 2 ** pmdShift ? pmdShift : bytes >= group ? Math.log2(group) : granule.pageShift;
  return isAligned(pa, 2 ** shift) ? shift : granule.pageShift;
}

/** Linux: vmap_pages_range_noflush(): piece by piece, or where they are pages all of them at once. */
function* vmapPagesRange(cpu: Cpu, k: Kernel, area: VmStruct, prot: Prot, maxPageShift: number): Op<number> {
  const { addr, bytes, pa } = area;
  const step = maxPageShift === k.space.granule.pageShift ? bytes : 2 ** maxPageShift;
  for (let va = addr; va < addr + bytes; va += step) {
    const error = yield* vmapRange(cpu, k, va, va + step, { offset: pa - addr, prot, maxPageShift });
    if (error !== 0) return error;
  }
  return 0;
}

/** Linux: __get_vm_area_node(): addresses, if need be those that a purge sets free. */
export function* getVmArea(cpu: Cpu, k: Kernel, bytes: number, flags: number, pa: number): Op<VmStruct | undefined> {
  let slot = yield* allocVmapArea(cpu, k);
  if (slot < 0) {
    yield* vmUnmapAliases(cpu, k);
    slot = yield* allocVmapArea(cpu, k);
    if (slot < 0) return undefined;
  }
  const area: VmStruct = { slot, addr: vmAreaStart(k.space, slot), bytes, flags, pa };
  yield* insertVmArea(cpu, k, area);
  return area;
}

/**
 * Linux: vfree(), vunmap(). The area that begins at `addr` is unmapped and its pages go back; translations of it may be
 * cached until the next purge, and nobody has any business there. May sleep.
 */
export function* vfree(cpu: Cpu, k: Kernel, addr: number): Op {
  const area = yield* findUnlinkVmArea(cpu, k, addr);
  if (area === undefined) return; // Linux warns: a bad address
  yield* vunmapRangeNoflush(cpu, k, area.addr, area.addr + area.bytes);
  yield* k.text.vmalloc.free(cpu, k, area);
  if ((area.flags & VM_FLUSH_RESET_PERMS) !== 0) yield* vmResetPerms(cpu, k, area);
}

/**
 * Linux: vm_reset_perms(). The linear aliases of an area that had other permissions become ordinary again: taken away, so
 * that nobody can cache them, flushed together with the area itself, and given back.
 */
function* vmResetPerms(cpu: Cpu, k: Kernel, { pa, bytes }: VmStruct): Op {
  const { pageBytes } = k.space.granule;
  const start = physToVirt(k.space, pa);
  for (let va = start; va < start + bytes; va += pageBytes) yield* setDirectMapInvalidNoflush(cpu, k, va);
  yield* unmapAliases(cpu, k, { start, end: start + bytes });
  for (let va = start; va < start + bytes; va += pageBytes) yield* setDirectMapDefaultNoflush(cpu, k, va);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Linux: vm_unmap_aliases(): no CPU has a translation of anything that was freed before. May sleep. */
export function* vmUnmapAliases(cpu: Cpu, k: Kernel): Op {
  yield* unmapAliases(cpu, k, undefined);
}

/** Linux: _vm_unmap_aliases(): the same, and of `besides`. */
function* unmapAliases(cpu: Cpu, k: Kernel, besides: Range | undefined): Op {
  yield* mutexLock(cpu, k, 'vmap_purge_lock');
  yield* purgeVmapAreaLazy(cpu, k, besides);
  yield* mutexUnlock(cpu, k, 'vmap_purge_lock');
}

/** Linux: __purge_vmap_area_lazy(): one flush from the first address to the last, whatever lies between. */
function* purgeVmapAreaLazy(cpu: Cpu, k: Kernel, besides: Range | undefined): Op {
  const lazy = yield* lazyAreas(cpu, k);
  const ranges: Range[] = besides === undefined ? lazy : [...lazy, besides];
  if (ranges.length === 0) return;
  const start = Math.min(...ranges.map((range) => range.start));
  const end = Math.max(...ranges.map((range) => range.end));
  yield* k.text.vmalloc.purgeFlush(cpu, k, start, end);
  for (const range of ranges) announce(cpu, 'purge_vmap_area', range.start, range.end);
  if (lazy.length > 0)
    yield* giveBackVmapAreas(
      cpu,
      k,
      lazy.map(({ slot }) => slot),
    );
}
