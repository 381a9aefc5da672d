import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb } from '../../hardware/instruction/barrier.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { clearPage } from '../../hardware/instruction/table-fill.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import { placeTable } from '../../hardware/memory/frame.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { addrEnd, entriesAfter, entryOffset } from '../tables/pagewalk.ts';
import { pgtableAlloc, pgtableFree } from '../tables/pgalloc.ts';
import {
  isTableEntry,
  PTE_ADDRESS,
  PTE_PRESENT_INVALID,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
  TABLE_TYPE,
} from '../tables/pgtable-prot.ts';
import { tableVa } from './split.ts';

/**
 * Temporary tables with a copy of the linear map, for when the tables themselves are about to be overwritten: resuming from
 * hibernation, and kexec. Linux: arch/arm64/mm/trans_pgd.c. All other CPUs are offline by then, and tasks are frozen.
 *
 * The copy maps the same memory with leaves of the same sizes, but everything writable, and what debug_pagealloc or KFENCE took away as
 * well: the image has to go everywhere. It is as little executable as the original.
 */

/** The sentence of the copy that a named bug replaces. */
export interface TransPgdText {
  /** Linux: _copy_pte(): a leaf of the copy, as the original has it in `value`, which is not 0. */
  readonly copyLeaf: (value: bigint) => bigint;
}

/**
 * Linux: trans_pgd_create_copy(). Copies the tables that translate `[start, end)`. Returns the physical address of the new root, or
 * -ENOMEM; then nothing is left allocated (Linux leaks what it took).
 */
export function* transPgdCreateCopy(cpu: Cpu, k: Kernel, start: number, end: number): Op<number> {
  const { space, symbols } = k;
  const root = yield* transPgdAllocateRoot(cpu, k);
  if (root < 0) return root;
  const complete = yield* copyTable(cpu, k, root, symbols.swapperPgDir, space.startLevel, start, end);
  yield* dsb(cpu, 'ishst'); // whoever installs the root finds all that hangs below it (assumed to be done here)
  if (complete) return root;
  yield* transPgdFree(cpu, k, root);
  return -ENOMEM;
}

/** A root for TTBR1 without an entry, or -ENOMEM. */
export function* transPgdAllocateRoot(cpu: Cpu, k: Kernel): Op<number> {
  const root = yield* allocateTable(cpu, k);
  if (root < 0) return -ENOMEM;
  placeTable(cpu.memory, root, k.space.startLevel, k.space.pageOffset, root);
  return root;
}

/** Gives back the tables of a copy; nobody walks them any more. */
export function* transPgdFree(cpu: Cpu, k: Kernel, root: number): Op {
  yield* freeTables(cpu, k, root, k.space.startLevel);
}

function* allocateTable(cpu: Cpu, k: Kernel): Op<number> {
  const table = yield* pgtableAlloc(cpu, k, 'kernel'); // get_safe_page(): one that the image does not want
  if (table >= 0) yield* clearPage(cpu, physToVirt(k.space, table));
  return table;
}

/** Linux: copy_p4d(), copy_pud(), copy_pmd(), copy_pte(). False: there was no page for a table. */
function* copyTable(
  cpu: Cpu,
  k: Kernel,
  to: number,
  from: number,
  level: number,
  start: number,
  end: number,
): Op<boolean> {
  const { space } = k;
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const entry = entryOffset(space, level, 0, va);
    const value = yield* load(cpu, tableVa(k, from) + entry);
    if (value === 0n) {
      if (level === space.startLevel) next = yield* pastEmpty(cpu, k, tableVa(k, from) + entry, next, end);
      continue;
    }
    if (level === 3 || !isTableEntry(value)) {
      yield* store(cpu, physToVirt(space, to) + entry, k.text.transPgd.copyLeaf(value));
      continue;
    }
    const table = yield* allocateTable(cpu, k);
    if (table < 0) return false;
    yield* store(cpu, physToVirt(space, to) + entry, BigInt(table) | (value & ~PTE_ADDRESS) | TABLE_TYPE);
    if (!(yield* copyTable(cpu, k, table, Number(value & PTE_ADDRESS), level + 1, va, next))) return false;
  }
  return true;
}

/** Where the next root entry that is not empty begins: most of them are, and a root's are never merely invalid. */
function* pastEmpty(cpu: Cpu, k: Kernel, entry: number, va: number, end: number): Op<number> {
  const { space } = k;
  if (va >= end) return end;
  const more = yield* skipInvalid(cpu, entry + 8, 1 + entriesAfter(space, space.startLevel, va, end));
  return Math.min(va + more * levelBytes(space.granule, space.startLevel), end);
}

/** Linux: pte_mkwrite_novma(pte_mkvalid_k()), and for blocks the same. */
function writableCopy(value: bigint): bigint {
  const valid = (value & PTE_VALID) === 0n ? (value & ~PTE_PRESENT_INVALID) | PTE_VALID : value;
  return (valid | PTE_WRITE) & ~PTE_RDONLY;
}

export const TRANS_PGD_6_18: TransPgdText = { copyLeaf: writableCopy };

function* freeTables(cpu: Cpu, k: Kernel, table: number, level: number): Op {
  const { entriesPerTable } = k.space.granule;
  for (let i = 0; level < 3 && i < entriesPerTable; i++) {
    i += yield* skipInvalid(cpu, physToVirt(k.space, table) + 8 * i, entriesPerTable - i);
    if (i === entriesPerTable) break;
    const value = yield* load(cpu, physToVirt(k.space, table) + 8 * i);
    if (isTableEntry(value)) yield* freeTables(cpu, k, Number(value & PTE_ADDRESS), level + 1);
  }
  pgtableFree(cpu, table);
}
