import { alignDown } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import { rodataFull } from '../config.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { changeMemory } from '../linear-map/pageattr.ts';
import { downRead, upRead } from '../locking/locks.ts';
import { PTE_PXN, PTE_RDONLY, PTE_WRITE } from '../tables/pgtable-prot.ts';
import { findVmArea, VM_ALLOC, VM_ALLOW_HUGE_VMAP, type VmStruct } from './vm-area.ts';
import { vmUnmapAliases } from './vmalloc.ts';

/**
 * Permissions of vmalloc areas, and of their pages' linear aliases. Linux: set_memory_ro() and the like,
 * arch/arm64/mm/pageattr.c, 6.18.
 *
 * Under rodata=full what is read-only in one place is read-only everywhere: the alias follows, page by page, and goes first.
 * So for a while an area that becomes read-only can still be written to, and one that becomes writable cannot, though its
 * alias can. The alias is never executable, and X and NX are none of its business.
 */

/** Pages of an area, by number: `first` up to `last`. */
export interface PageRange {
  readonly first: number;
  readonly last: number;
}

/** The sentences of a change. A named bug replaces one of them. */
export interface SetMemoryText {
  /** Whether the permissions of (part of) this area may not be changed. */
  readonly refuses: (cpu: Cpu, k: Kernel, area: VmStruct) => Op<boolean>;
  /** Makes the `change` of (part of) an area while nobody frees the tables that it walks. */
  readonly guarded: (cpu: Cpu, k: Kernel, area: VmStruct, change: Op<number>) => Op<number>;
  /** Whose aliases follow when `asked` of the area's pages change. */
  readonly aliases: (area: PageRange, asked: PageRange) => PageRange;
  /** The change of the area's own mapping, and its flush. */
  readonly change: typeof changeMemory;
}

/** Memory that somebody maps as he likes has no pages to speak of; huge mappings, since 6.16, are not taken apart. */
function* refuses(_cpu: Cpu, _k: Kernel, { flags }: VmStruct): Op<boolean> {
  return (flags & VM_ALLOC) === 0 || isHuge(flags);
}

const isHuge = (flags: number): boolean => (flags & VM_ALLOW_HUGE_VMAP) !== 0;

/** The ROX-cache RFC, 2/6: huge mappings are taken apart where blocks may be split in place. */
function* refusesUnsplittable(cpu: Cpu, k: Kernel, { flags }: VmStruct): Op<boolean> {
  return (flags & VM_ALLOC) === 0 || (isHuge(flags) && !(yield* systemSupportsBbml2Noabort(cpu, k)));
}

/** Tables of the linear map are never freed: nothing to guard. */
function* unguarded(_cpu: Cpu, _k: Kernel, _area: VmStruct, change: Op<number>): Op<number> {
  return yield* change;
}

/**
 * Of an area whose linear aliases may be collapsed (RFC 6/6), which frees a table: from the split to the end of the walk. [I] How
 * the RFC keeps the two apart was not at hand. pgtable_split_lock does not do it: the walk comes after it is given back.
 * Pairs with `excluded` in collapse.ts.
 */
function* guarded(cpu: Cpu, k: Kernel, { flags }: VmStruct, change: Op<number>): Op<number> {
  if (!isHuge(flags)) return yield* change;
  yield* downRead(cpu, k, 'init_mm.mmap_lock');
  const error = yield* change;
  yield* upRead(cpu, k, 'init_mm.mmap_lock');
  return error;
}

/** Up to 6.18 the aliases of the whole area follow, whatever part of it was asked for. */
export const SET_MEMORY_6_18: SetMemoryText = {
  refuses,
  guarded: unguarded,
  aliases: (area) => area,
  change: changeMemory,
};

/** "make linear mapping permission update more robust for partial range": the aliases of what was asked for. */
export const SET_MEMORY_6_19: SetMemoryText = { ...SET_MEMORY_6_18, aliases: (_area, asked) => asked };

export const SET_MEMORY_ROX_RFC: SetMemoryText = { ...SET_MEMORY_6_19, refuses: refusesUnsplittable, guarded };

/**
 * Linux: change_memory_common(). `pages` from `va` on, which is rounded down to a page (Linux warns). Returns 0; -EINVAL
 * unless they all lie in one area whose permissions may be changed; or an error of `changeMemory`: nothing is rolled back,
 * and the aliases of the pages before stay changed.
 */
function* changeMemoryCommon(cpu: Cpu, k: Kernel, va: number, pages: number, set: bigint, clear: bigint): Op<number> {
  const { pageBytes } = k.space.granule;
  const start = alignDown(va, pageBytes);
  const end = start + pages * pageBytes;
  const area = yield* findVmArea(cpu, k, start);
  if (area === undefined || end > area.addr + area.bytes || (yield* k.text.setMemory.refuses(cpu, k, area)))
    return -EINVAL;
  if (pages === 0) return 0;
  return yield* k.text.setMemory.guarded(cpu, k, area, changeArea(cpu, k, area, start, end, set, clear));
}

/** Aliases first, then the area's own mapping. */
function* changeArea(
  cpu: Cpu,
  k: Kernel,
  area: VmStruct,
  start: number,
  end: number,
  set: bigint,
  clear: bigint,
): Op<number> {
  const { pageBytes } = k.space.granule;
  if (rodataFull(k.config) && (set === PTE_RDONLY || clear === PTE_RDONLY)) {
    const whole = { first: 0, last: area.bytes / pageBytes };
    const first = (start - area.addr) / pageBytes;
    const { aliases } = k.text.setMemory;
    const error = yield* changeAliases(
      cpu,
      k,
      area,
      aliases(whole, { first, last: (end - area.addr) / pageBytes }),
      set,
      clear,
    );
    if (error !== 0) return error;
  }
  yield* vmUnmapAliases(cpu, k); // nobody keeps an old mapping of these pages, with the old permissions
  return yield* k.text.setMemory.change(cpu, k, start, end - start, set, clear);
}

/** Each with a split, a walk and a flush of its own. */
function* changeAliases(
  cpu: Cpu,
  k: Kernel,
  { pa }: VmStruct,
  { first, last }: PageRange,
  set: bigint,
  clear: bigint,
): Op<number> {
  const { pageBytes } = k.space.granule;
  for (let page = first; page < last; page++) {
    const error = yield* changeMemory(cpu, k, physToVirt(k.space, pa + page * pageBytes), pageBytes, set, clear);
    if (error !== 0) return error;
  }
  return 0;
}

/** Linux: set_memory_ro(). This and those that follow return what `changeMemoryCommon` does. */
export function* setMemoryRo(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemoryCommon(cpu, k, va, pages, PTE_RDONLY, PTE_WRITE);
}

/** Linux: set_memory_rw(). */
export function* setMemoryRw(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemoryCommon(cpu, k, va, pages, PTE_WRITE, PTE_RDONLY);
}

/** Linux: set_memory_nx(). */
export function* setMemoryNx(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemoryCommon(cpu, k, va, pages, PTE_PXN, 0n);
}

/** Linux: set_memory_x(), on a kernel without BTI. */
export function* setMemoryX(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* changeMemoryCommon(cpu, k, va, pages, 0n, PTE_PXN);
}

/** Linux: set_memory_rox(), include/linux/set_memory.h: never writable and executable in between. */
export function* setMemoryRox(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  const error = yield* setMemoryRo(cpu, k, va, pages);
  return error !== 0 ? error : yield* setMemoryX(cpu, k, va, pages);
}
