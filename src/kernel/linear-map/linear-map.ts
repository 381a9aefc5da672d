import { alignDown, alignUp, isAligned } from '../../arch/address.ts';
import { blockAllowed, contiguousRun, type Level, levelBytes } from '../../arch/granule.ts';
import type { MemoryBank } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { storeRun } from '../../hardware/instruction/table-fill.ts';
import { placeTable } from '../../hardware/memory/frame.ts';
import type { Op } from '../../hardware/op.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import { physToVirt } from '../address-space.ts';
import { forcePteMapping } from '../boot/cpufeature.ts';
import { canSetDirectMap } from '../config.ts';
import type { Kernel } from '../kernel.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { addrEnd, entryOffset } from '../tables/pagewalk.ts';
import { earlyPgtableAlloc } from '../tables/pgalloc.ts';
import {
  blockProt,
  MT_NORMAL,
  MT_NORMAL_TAGGED,
  maybeNg,
  PAGE_KERNEL,
  PAGE_KERNEL_RO,
  PAGE_KERNEL_TAGGED,
  type Prot,
  PTE_ADDRESS,
  PTE_AF,
  PTE_ATTRINDX,
  PTE_CONT,
  PTE_NG,
  PTE_PXN,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
  TABLE_PXN,
  TABLE_TYPE,
  TABLE_UXN,
} from '../tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';

/** What a mapping may be made of. Linux: NO_BLOCK_MAPPINGS, NO_CONT_MAPPINGS, NO_EXEC_MAPPINGS. */
export interface MappingFlags {
  readonly noBlock?: boolean;
  readonly noCont?: boolean;
  /** map_range(), which maps the image, makes groups of pages only. */
  readonly noContPmd?: boolean;
  readonly noExec?: boolean;
}

/** Linux: __create_pgd_mapping(), arch/arm64/mm/mmu.c: one at a time, for fixmap slots there are few. */
export function* createPgdMapping(cpu: Cpu, k: Kernel, ...mapping: PgdMapping): Op {
  yield* mutexLock(cpu, k, 'fixmap_lock');
  yield* createPgdMappingLocked(cpu, k, ...mapping);
  yield* mutexUnlock(cpu, k, 'fixmap_lock');
}

/** In the tree of `pgd` (physical), from `va` on. */
export type PgdMapping = readonly [pgd: number, pa: number, va: number, bytes: number, prot: Prot, flags: MappingFlags];

/**
 * Linux: __create_pgd_mapping_locked(). Maps `[va, va + bytes)` to `pa` in the tree of `pgd` (physical),
 * with the largest pieces the flags and the alignment allow. Tables are edited through fixmap slots, for they may not be
 * mapped yet; valid leaves may only change their permissions.
 */
export function* createPgdMappingLocked(cpu: Cpu, k: Kernel, ...[pgd, pa, va, bytes, prot, flags]: PgdMapping): Op {
  const { pageBytes } = k.space.granule;
  if (!isAligned(pa - va, pageBytes)) throw new Error('physical and virtual address differ in their page offset');
  const start = alignDown(va, pageBytes);
  const end = alignUp(va + bytes, pageBytes);
  yield* initLevel(cpu, k, pgd, k.space.startLevel, start, end, pa - va, prot, flags);
  // Clearing the last fixmap slot is what orders the entries before whatever comes next.
  yield* dsb(cpu, 'ishst');
  yield* isb(cpu);
}

/** Linux: alloc_init_pud(), alloc_init_cont_pmd(), alloc_init_cont_pte(). `offset`: pa - va. */
function* initLevel(
  cpu: Cpu,
  k: Kernel,
  table: number,
  level: number,
  start: number,
  end: number,
  offset: number,
  prot: Prot,
  flags: MappingFlags,
): Op {
  const { space } = k;
  if (level === 3) {
    yield* initLeaves(cpu, k, table, 3, start, end, offset, prot, flags);
    return;
  }
  const bytes = levelBytes(space.granule, level);
  const run = bytes * runWith(k, level, flags);
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const whole = isAligned(va, bytes) && next - va === bytes && isAligned(va + offset, bytes);
    if (whole && !flags.noBlock && mayBeBlock(k, level)) {
      // All blocks up to the next boundary of a contiguous run are one piece of work.
      const last = Math.min(alignDown(end, bytes), alignDown(va, run) + run);
      yield* initLeaves(cpu, k, table, level, va, last, offset, prot, flags);
      next = last;
    } else {
      const child = yield* tableAt(cpu, k, table, level, va, flags);
      yield* initLevel(cpu, k, child, level + 1, va, next, offset, prot, flags);
    }
  }
}

/**
 * Entries of a contiguous group as Linux makes them: CONT_PTE, and CONT_PMD where PMDs are not folded into the PGD. Of two levels
 * alloc_init_cont_pmd() is called for one PMD at a time.
 */
export function runOf({ space }: Kernel, level: number): number {
  return level === 3 || (level === 2 && space.startLevel < 2) ? contiguousRun(space.granule, level as Level) : 1;
}

function runWith(k: Kernel, level: number, { noContPmd }: MappingFlags): number {
  return noContPmd && level < 3 ? 1 : runOf(k, level);
}

/** Linux maps PUD blocks with the 4K granule only, PMD blocks always. */
function mayBeBlock(k: Kernel, level: number): boolean {
  return level === 2 || (level === 1 && k.space.granule.name === '4K' && blockAllowed(k.space.granule, 1));
}

/** The table below the entry for `va`, made and linked if there is none. */
function* tableAt(cpu: Cpu, k: Kernel, table: number, level: number, va: number, flags: MappingFlags): Op<number> {
  const entry = FIXMAP + entryOffset(k.space, level, table, va);
  const value = yield* load(cpu, entry);
  if ((value & PTE_VALID) !== 0n) {
    if ((value & TABLE_TYPE) !== TABLE_TYPE) throw new Error('a table is wanted where a block is mapped');
    return Number(value & PTE_ADDRESS);
  }
  const child = yield* earlyPgtableAlloc(cpu);
  yield* dsb(cpu, 'ishst'); // the zeroes are visible before the table is
  const attributes = TABLE_TYPE | TABLE_UXN | PTE_AF | (flags.noExec ? TABLE_PXN : 0n);
  yield* store(cpu, entry, BigInt(child) | attributes);
  return child;
}

/** Leaves of one level: contiguous where a whole aligned run fits, and single ones around it. */
function* initLeaves(
  cpu: Cpu,
  k: Kernel,
  table: number,
  level: number,
  start: number,
  end: number,
  offset: number,
  prot: Prot,
  flags: MappingFlags,
): Op {
  const { granule } = k.space;
  const bytes = levelBytes(granule, level);
  const entries = runWith(k, level, flags);
  const run = bytes * entries;
  const leaf = level === 3 ? prot : blockProt(prot);
  for (let va = start, next: number; va < end; va = next) {
    const boundary = Math.min(alignDown(va, run) + run, end);
    const contiguous =
      !flags.noCont && entries > 1 && isAligned(va, run) && boundary - va === run && isAligned(va + offset, run);
    next = contiguous ? sameRuns(va, end, run, offset) : flags.noCont ? end : boundary;
    const first = BigInt(va + offset) | leaf | (contiguous ? PTE_CONT : 0n);
    yield* initRun(cpu, FIXMAP + entryOffset(k.space, level, table, va), (next - va) / bytes, first, bytes);
  }
}

/** End of the whole runs that follow each other from `va` on. */
function sameRuns(va: number, end: number, run: number, offset: number): number {
  return isAligned(va + offset, run) ? alignDown(end, run) : va + run;
}

/** Linux: init_pte(), init_pmd(): first-time entries, or a permission change of existing ones. */
function* initRun(cpu: Cpu, entry: number, count: number, first: bigint, stepBytes: number): Op {
  const before = yield* load(cpu, entry);
  if ((before & PTE_VALID) === 0n) {
    yield* storeRun(cpu, entry, count, first, stepBytes);
    return;
  }
  for (let i = 0; i < count; i++) {
    const old = yield* load(cpu, entry + 8 * i);
    const value = first + BigInt(i) * BigInt(stepBytes);
    if (!pgattrChangeIsSafe(old, value))
      throw new Error(`unsafe change of a live entry: ${old.toString(16)} to ${value.toString(16)}`);
    yield* store(cpu, entry + 8 * i, value);
  }
}

/**
 * Linux: pgattr_change_is_safe(): may a live entry change so without break-before-make? Permissions may, Normal may
 * become Normal-Tagged and back, and global may become non-global. Contiguous entries may not change at all.
 */
export function pgattrChangeIsSafe(old: bigint, value: bigint): boolean {
  if ((old & PTE_VALID) === 0n || (value & PTE_VALID) === 0n) return true;
  if (((old | value) & PTE_CONT) !== 0n || (old & ~value & PTE_NG) !== 0n) return false;
  const free = PTE_PXN | PTE_RDONLY | PTE_WRITE | PTE_NG | (isNormal(old) && isNormal(value) ? PTE_ATTRINDX : 0n);
  return ((old ^ value) & ~free) === 0n;
}

function isNormal(entry: bigint): boolean {
  const type = (entry & PTE_ATTRINDX) >> 2n;
  return type === MT_NORMAL || type === MT_NORMAL_TAGGED;
}

/** The sentences of making the linear map. A named bug replaces one of them. */
export interface LinearMapText {
  /** What RAM may be mapped with, but for the kernel's alias and KFENCE's pool. `force`: what `forcePteMapping` says. */
  readonly ramFlags: (force: boolean) => MappingFlags;
  /** The end of update_mapping_prot(). */
  readonly flush: typeof flushTlbKernelRange;
}

/** Where single pages may have to change and blocks cannot be split: neither blocks nor contiguous groups. */
export const LINEAR_MAP_6_18: LinearMapText = {
  ramFlags: (force) => ({ noExec: true, noBlock: force, noCont: force }),
  flush: flushTlbKernelRange,
};

/** Whether the linear map holds blocks although somebody will want to change single pages. Linux: map_mem(). */
export function linearMapRequiresBbml2(cpu: Cpu, k: Kernel): boolean {
  return !forcePteMapping(cpu, k) && canSetDirectMap(k.config);
}

/**
 * Linux: map_mem(). Every bank of RAM, but for two pieces that are mapped apart: the kernel's text and rodata, whose
 * alias must never be executable and becomes read-only later, so that it has no contiguous entries; and the pool of an
 * early KFENCE, which takes single pages away and gives them back, so that it has nothing but pages.
 */
export function* mapMem(cpu: Cpu, k: Kernel): Op {
  const { space, kfencePool } = k;
  const flags = k.text.linearMap.ramFlags(forcePteMapping(cpu, k));
  for (const [start, end] of ordinaryRam(k)) yield* mapMemblock(cpu, k, start, end, PAGE_KERNEL_TAGGED, flags);
  yield* mapMemblock(cpu, k, space.text, space.initBegin, PAGE_KERNEL, { noCont: true });
  if (kfencePool === undefined) return;
  const { base, bytes } = kfencePool;
  yield* mapMemblock(cpu, k, base, base + bytes, PAGE_KERNEL_TAGGED, { noBlock: true, noCont: true });
}

/** What memblock_mark_nomap() leaves of RAM while the rest is mapped. */
function ordinaryRam({ board, space, kfencePool }: Kernel): [number, number][] {
  const regions = memblockRegions(board.memory).flatMap(([start, end]) =>
    without(start, end, space.text, space.initBegin),
  );
  if (kfencePool === undefined) return regions;
  const { base, bytes } = kfencePool;
  return regions.flatMap(([start, end]) => without(start, end, base, base + bytes));
}

/** Linux: __map_memblock(). */
function* mapMemblock(cpu: Cpu, k: Kernel, start: number, end: number, prot: Prot, flags: MappingFlags): Op {
  const { space, symbols, config } = k;
  const va = physToVirt(space, start);
  yield* createPgdMapping(cpu, k, symbols.swapperPgDir, start, va, end - start, maybeNg(config, prot), flags);
}

/** Linux: mark_linear_text_alias_ro(): the alias of text and rodata loses its write permission. */
export function* markLinearTextAliasRo(cpu: Cpu, k: Kernel): Op {
  const { space, symbols } = k;
  const va = physToVirt(space, space.text);
  const bytes = space.initBegin - space.text;
  const prot = maybeNg(k.config, PAGE_KERNEL_RO);
  yield* createPgdMapping(cpu, k, symbols.swapperPgDir, space.text, va, bytes, prot, { noCont: true });
  yield* k.text.linearMap.flush(cpu, k, va, va + bytes);
  announce(cpu, 'mark_linear_text_alias_ro', va, va + bytes); // nobody can write to text any more
}

/** RAM as memblock keeps it, start and end: banks that touch are one region. `banks`: sorted and disjoint. */
export function memblockRegions(banks: readonly MemoryBank[]): [number, number][] {
  const regions: [number, number][] = [];
  for (const { base, bytes } of banks) {
    const last = regions.at(-1);
    if (last?.[1] === base) last[1] += bytes;
    else regions.push([base, base + bytes]);
  }
  return regions;
}

/** `[start, end)` without `[from, to)`, in order. */
export function without(start: number, end: number, from: number, to: number): [number, number][] {
  const pieces: [number, number][] = [
    [start, Math.min(end, from)],
    [Math.max(start, to), end],
  ];
  return pieces.filter(([first, last]) => first < last);
}

/** The root of a tree translates from the start of its half on. */
export function placeRoot(cpu: Cpu, k: Kernel, pgd: number, va: number): void {
  placeTable(cpu.memory, pgd, k.space.startLevel, va, pgd);
}
