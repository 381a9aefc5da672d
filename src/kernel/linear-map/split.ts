import { alignDown } from '../../arch/address.ts';
import { contiguousRun, type Level, levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { fillTable } from '../../hardware/instruction/table-fill.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import type { Op } from '../../hardware/op.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import { physToVirt } from '../address-space.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, queuePteBarriers, setEntry } from '../tables/lazy-mmu.ts';
import { addrEnd, entriesAfter, entryOffset } from '../tables/pagewalk.ts';
import { type Gfp, pgtableAlloc } from '../tables/pgalloc.ts';
import {
  isPresent,
  isTableEntry,
  PTE_ADDRESS,
  PTE_AF,
  PTE_CONT,
  PTE_PRESENT_INVALID,
  PTE_PXN,
  PTE_TYPE_PAGE,
  PTE_VALID,
  TABLE_PXN,
  TABLE_TYPE,
  TABLE_UXN,
} from '../tables/pgtable-prot.ts';

/**
 * Splitting live leaves of the linear map. Linux: split_pmd(), split_pud() and range_split_to_ptes(),
 * arch/arm64/mm/mmu.c. A block becomes a table in one store, without an invalid step and without a TLBI: old and new
 * translation differ in size only, so a CPU of BBM level 2 may use either.
 */

/** Any of them makes an entry present. */
const PRESENT = Number(PTE_VALID | PTE_PRESENT_INVALID);

/** What the children of a block take over of its descriptor. */
const KEPT = ~(PTE_CONT | PTE_TYPE_PAGE);

/**
 * 7.1: the first leaf of the table that takes the place of `block`, a leaf of `level`: the same but for its size. Of a block that is
 * present and invalid the leaves are, too: none becomes valid by accident.
 */
export function childLeaf(block: bigint, level: number, toCont: boolean): bigint {
  return (block & KEPT) | (level === 2 ? PTE_TYPE_PAGE : 0n) | (toCont ? PTE_CONT : 0n);
}

/** Until then the type of a leaf is written, and with it its validity: with kpti a block may be invalid, and present by its nG. */
export function validChildLeaf(block: bigint, level: number, toCont: boolean): bigint {
  return childLeaf(block, level, toCont) | PTE_VALID;
}

/** Everything but the address of the table that takes the place of `block`: what must not be executed is so all the way down. */
export function tableAttributes(block: bigint): bigint {
  return TABLE_TYPE | TABLE_UXN | PTE_AF | ((block & PTE_PXN) !== 0n ? TABLE_PXN : 0n);
}

/** What the split does between filling a table and linking it. */
export type BeforeLink = (cpu: Cpu) => Op;

/** The children must be visible to every walker before a walker can follow the pointer to them. */
export function* childrenVisible(cpu: Cpu): Op {
  yield* dsb(cpu, 'ishst');
}

/** Address through which the kernel reaches the table page at `pa`; the root is edited through the fixmap. */
export function tableVa(k: Kernel, pa: number): number {
  return pa === k.symbols.swapperPgDir ? FIXMAP + pa : physToVirt(k.space, pa);
}

/** Linux: split_pud(): a block of level 1, as `splitBlock`. */
export function* splitPud(cpu: Cpu, k: Kernel, entry: number, block: bigint, gfp: Gfp, toCont: boolean): Op<number> {
  return yield* splitBlock(cpu, k, entry, block, 1, gfp, toCont);
}

/** Linux: split_pmd(): a block of level 2, as `splitBlock`. */
export function* splitPmd(cpu: Cpu, k: Kernel, entry: number, block: bigint, gfp: Gfp, toCont: boolean): Op<number> {
  return yield* splitBlock(cpu, k, entry, block, 2, gfp, toCont);
}

/**
 * What split_pud() and split_pmd() have in common. Replaces the block in `entry` by a table of smaller leaves with
 * the same output addresses and attributes. Returns 0 or -ENOMEM, then nothing has changed. `toCont`: the children are
 * contiguous runs.
 */
function* splitBlock(
  cpu: Cpu,
  k: Kernel,
  entry: number,
  block: bigint,
  level: number,
  gfp: Gfp,
  toCont: boolean,
): Op<number> {
  const { space, text } = k;
  const table = yield* pgtableAlloc(cpu, k, gfp);
  if (table < 0) return -ENOMEM;
  const child = text.split.childLeaf(block, level, toCont);
  yield* fillTable(cpu, physToVirt(space, table), child, levelBytes(space.granule, level + 1));
  if ((child & PTE_VALID) !== 0n) yield* queuePteBarriers(cpu, k, space.granule.entriesPerTable);
  yield* text.repaint.beforeLink(cpu);
  yield* setEntry(cpu, k, entry, BigInt(table) | text.split.tableAttributes(block));
  return 0;
}

/** Linux: split_contpmd(), of the group that holds `entry`. */
export function* splitContpmd(cpu: Cpu, k: Kernel, entry: number): Op {
  yield* splitCont(cpu, k, entry, 2);
}

/** Linux: split_contpte(), of the group that holds `entry`. */
export function* splitContpte(cpu: Cpu, k: Kernel, entry: number): Op {
  yield* splitCont(cpu, k, entry, 3);
}

/** Takes the contiguous bit off every entry of the group that holds `entry`. */
function* splitCont(cpu: Cpu, k: Kernel, entry: number, level: number): Op {
  const entries = contiguousRun(k.space.granule, level as Level);
  const first = alignDown(entry, entries * 8);
  for (let i = 0; i < entries; i++) {
    const value = yield* load(cpu, first + 8 * i);
    yield* setEntry(cpu, k, first + 8 * i, value & ~PTE_CONT);
  }
}

/**
 * Linux: range_split_to_ptes(): every leaf of `[start, end)` becomes pages without the contiguous bit. Barriers are
 * batched. Returns 0 or -ENOMEM; what was split stays split.
 */
export function* rangeSplitToPtes(cpu: Cpu, k: Kernel, start: number, end: number, gfp: Gfp): Op<number> {
  enterLazyMmuMode(k);
  const error = yield* splitRange(cpu, k, start, end, gfp);
  yield* leaveLazyMmuMode(cpu, k);
  return error;
}

/** The same outside lazy MMU mode: every entry is followed by its own barriers. */
export function* splitRange(cpu: Cpu, k: Kernel, start: number, end: number, gfp: Gfp): Op<number> {
  return yield* splitLevel(cpu, k, k.symbols.swapperPgDir, k.space.startLevel, start, end, gfp);
}

function* splitLevel(
  cpu: Cpu,
  k: Kernel,
  table: number,
  level: number,
  start: number,
  end: number,
  gfp: Gfp,
): Op<number> {
  const { space } = k;
  for (let va = start, next: number; va < end; va = next) {
    const entry = tableVa(k, table) + entryOffset(space, level, 0, va);
    if (level === 3) {
      next = yield* splitContPtes(cpu, k, table, va, end);
      continue;
    }
    next = addrEnd(space, level, va, end);
    let value = yield* load(cpu, entry);
    if (!isPresent(value)) {
      const more = entriesAfter(space, level, va, end);
      next = Math.min(
        next + (yield* skipInvalid(cpu, entry + 8, more, PRESENT)) * levelBytes(space.granule, level),
        end,
      );
      continue;
    }
    if (!isTableEntry(value)) {
      if ((value & PTE_CONT) !== 0n) {
        yield* splitContpmd(cpu, k, entry); // of level 1 Linux makes none
        value &= ~PTE_CONT;
      }
      const error = yield* (level === 1 ? splitPud : splitPmd)(cpu, k, entry, value, gfp, false);
      if (error !== 0) return error;
      if (level === 2) continue; // its children are pages already
      value = yield* load(cpu, entry);
    }
    const error = yield* splitLevel(cpu, k, Number(value & PTE_ADDRESS), level + 1, va, next, gfp);
    if (error !== 0) return error;
  }
  return 0;
}

/** The pages of one table: only contiguous groups need work. Returns where the next table starts. */
function* splitContPtes(cpu: Cpu, k: Kernel, table: number, start: number, end: number): Op<number> {
  const { space } = k;
  const { pageBytes } = space.granule;
  const stop = addrEnd(space, 2, start, end);
  const group = pageBytes * contiguousRun(space.granule, 3);
  for (let va = start; va < stop; ) {
    const entry = tableVa(k, table) + entryOffset(space, 3, 0, va);
    const value = yield* load(cpu, entry);
    if ((value & PTE_CONT) !== 0n) yield* splitContpte(cpu, k, entry);
    if ((value & PTE_VALID) !== 0n) va = alignDown(va, group) + group;
    else va += pageBytes * (1 + (yield* skipInvalid(cpu, entry + 8, entriesAfter(space, 3, va, end))));
  }
  return stop;
}
