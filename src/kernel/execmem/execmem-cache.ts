import { alignUp, isAligned } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { compareAndSwap, load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { PAGE_KERNEL } from '../tables/pgtable-prot.ts';
import { findVmArea, VM_ALLOW_HUGE_VMAP, type VmStruct } from '../vmalloc/vm-area.ts';
import { vfree, vmalloc } from '../vmalloc/vmalloc.ts';
import { execmemForceRw, execmemRestoreRox, fillTrappingInsns } from './execmem.ts';
import { areasOf, type ExecmemArea, eraseArea, insertArea, setPendingFree, writeArea } from './execmem-areas.ts';
import { allocExecmemPages, freeExecmemPages, hasPmd, roundToExecmemPages } from './execmem-ram.ts';

/**
 * The ROX cache: large areas that are read-only and executable as a whole, and what is cut out of them. Linux: struct execmem_cache,
 * mm/execmem.c, since 6.13; freed lazily since 6.17.
 */

/** Linux: execmem_cache_alloc(): what is free already, or comes with another area. The address, or -ENOMEM. */
export function* cacheAlloc(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  const va = yield* takeFree(cpu, k, bytes);
  if (va !== -ENOMEM) return va;
  const error = yield* cachePopulate(cpu, k, bytes);
  return error !== 0 ? error : yield* takeFree(cpu, k, bytes);
}

/** Linux: __execmem_cache_alloc(): the first free area that is large enough gives its beginning. */
function* takeFree(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  yield* mutexLock(cpu, k, 'execmem_cache.mutex');
  const va = yield* takeFreeLocked(cpu, k, bytes);
  yield* mutexUnlock(cpu, k, 'execmem_cache.mutex');
  return va;
}

function* takeFreeLocked(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  const area = (yield* areasOf(cpu, k, 'free')).find((free) => free.bytes >= bytes);
  if (area === undefined) return -ENOMEM;
  if ((yield* insertArea(cpu, k, 'busy', area.start, bytes)) !== 0) return -ENOMEM;
  if (area.bytes === bytes) yield* eraseArea(cpu, area);
  else yield* writeArea(cpu, area.at, area.start + bytes, area.bytes - bytes);
  return area.start;
}

/** Linux: execmem_cache_populate(): whole PMDs, or where these cannot be had what is asked for. Returns 0, or an error. */
function* cachePopulate(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  const pmd = levelBytes(k.space.granule, 2);
  const whole = hasPmd(k) ? yield* execmemVmalloc(cpu, k, alignUp(bytes, pmd)) : undefined;
  const area = whole ?? (yield* execmemVmalloc(cpu, k, roundToExecmemPages(k, bytes)));
  if (area === undefined) return -ENOMEM;
  const pages = area.bytes / k.space.granule.pageBytes;
  yield* fillTrappingInsns(cpu, k, area.addr, pages);
  let error = yield* execmemRestoreRox(cpu, k, area.addr, pages);
  if (error === 0) {
    yield* mutexLock(cpu, k, 'execmem_cache.mutex');
    error = yield* k.text.execmem.addFree(cpu, k, area.addr, area.bytes);
    yield* mutexUnlock(cpu, k, 'execmem_cache.mutex');
  }
  if (error !== 0) yield* giveUp(cpu, k, area);
  return error;
}

/** Linux: execmem_vmalloc(): writable, and mapped with blocks where they fit. */
function* execmemVmalloc(cpu: Cpu, k: Kernel, bytes: number): Op<VmStruct | undefined> {
  const pa = yield* allocExecmemPages(cpu, k, bytes);
  if (pa < 0) return undefined;
  const area = yield* vmalloc(cpu, k, { bytes, prot: PAGE_KERNEL, pa, flags: VM_ALLOW_HUGE_VMAP });
  if (area === undefined) yield* freeExecmemPages(cpu, k, pa, bytes);
  return area;
}

/** The area goes, and its pages back to where they came from. */
function* giveUp(cpu: Cpu, k: Kernel, area: VmStruct): Op {
  yield* k.text.execmem.resetLinearMap(cpu, k, area);
  yield* vfree(cpu, k, area.addr);
  yield* freeExecmemPages(cpu, k, area.pa, area.bytes);
}

/** Bits of `execmem_work`: what a kworker has to do. */
const CLEAN = 1n;
export const FREE_PENDING = 2n;

function* scheduleWork(cpu: Cpu, k: Kernel, what: bigint): Op {
  const { execmem_work: word } = k.symbols.variables;
  for (let work = yield* load(cpu, word); (work & what) === 0n; ) {
    const before = yield* compareAndSwap(cpu, word, work, work | what);
    if (before === work) return;
    work = before;
  }
}

/**
 * Linux: execmem_cache_free(). False: nothing of the cache begins at `va`. What cannot become free just now stays in the list
 * of busy areas, tagged, and is tried again later.
 */
export function* cacheFree(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  yield* mutexLock(cpu, k, 'execmem_cache.mutex');
  const area = (yield* areasOf(cpu, k, 'busy')).find(({ start }) => start === va);
  const error = area === undefined ? 0 : yield* cacheFreeLocked(cpu, k, area);
  if (area !== undefined && error !== 0) {
    yield* setPendingFree(cpu, area);
    yield* scheduleWork(cpu, k, FREE_PENDING);
  }
  yield* mutexUnlock(cpu, k, 'execmem_cache.mutex');
  if (area === undefined) return false;
  yield* scheduleWork(cpu, k, CLEAN);
  return true;
}

/** Linux: __execmem_cache_free(): traps in place of the code, read-only and executable again, and free. */
function* cacheFreeLocked(cpu: Cpu, k: Kernel, area: ExecmemArea): Op<number> {
  const { start, bytes } = area;
  const pages = bytes / k.space.granule.pageBytes;
  let error = yield* execmemForceRw(cpu, k, start, pages);
  if (error !== 0) return error;
  yield* fillTrappingInsns(cpu, k, start, pages);
  error = yield* execmemRestoreRox(cpu, k, start, pages);
  if (error !== 0) return error;
  error = yield* k.text.execmem.addFree(cpu, k, start, bytes);
  if (error === 0) yield* eraseArea(cpu, area);
  return error;
}

/** What the workqueue has been given to do by now, by whichever CPU its kworker runs on. May sleep. */
export function* runExecmemWork(cpu: Cpu, k: Kernel): Op {
  const { execmem_work: word } = k.symbols.variables;
  let work = yield* load(cpu, word);
  for (;;) {
    const before = yield* compareAndSwap(cpu, word, work, 0n);
    if (before === work) break;
    work = before;
  }
  if ((work & FREE_PENDING) !== 0n && k.text.execmem.retriesPending) yield* cacheFreeSlow(cpu, k);
  if ((work & (CLEAN | FREE_PENDING)) !== 0n) yield* cacheClean(cpu, k);
}

/** Linux: execmem_cache_free_slow(), 10 ms after a free that failed. */
function* cacheFreeSlow(cpu: Cpu, k: Kernel): Op {
  yield* mutexLock(cpu, k, 'execmem_cache.mutex');
  for (const area of yield* areasOf(cpu, k, 'busy'))
    if (area.isPending && (yield* cacheFreeLocked(cpu, k, area)) !== 0) yield* scheduleWork(cpu, k, FREE_PENDING);
  yield* mutexUnlock(cpu, k, 'execmem_cache.mutex');
}

/** Linux: execmem_cache_clean(): areas of which all is free go. */
function* cacheClean(cpu: Cpu, k: Kernel): Op {
  const pmd = levelBytes(k.space.granule, 2);
  yield* mutexLock(cpu, k, 'execmem_cache.mutex');
  for (const free of yield* areasOf(cpu, k, 'free')) {
    if (!isAligned(free.start, pmd) || !isAligned(free.bytes, pmd)) continue;
    const area = yield* findVmArea(cpu, k, free.start);
    yield* eraseArea(cpu, free);
    if (area !== undefined) yield* giveUp(cpu, k, area);
  }
  yield* mutexUnlock(cpu, k, 'execmem_cache.mutex');
}
