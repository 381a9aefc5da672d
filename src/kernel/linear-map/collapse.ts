import { alignDown, isAligned } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { isUniform } from '../../hardware/instruction/table-uniform.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import type { Kernel } from '../kernel.ts';
import { downWrite, mutexLock, mutexUnlock, upWrite } from '../locking/locks.ts';
import { setEntry } from '../tables/lazy-mmu.ts';
import { entryOffset } from '../tables/pagewalk.ts';
import { pgtableFree } from '../tables/pgalloc.ts';
import { isTableEntry, PTE_ADDRESS, PTE_AF, PTE_CONT, PTE_TYPE_PAGE, PTE_VALID } from '../tables/pgtable-prot.ts';
import { flushTlbKernelPgtable } from '../tables/tlbflush.ts';
import { tableVa } from './split.ts';

/**
 * Pages of the linear map become one block again: the ROX-cache RFC, 6/6 (June 2026). [I] Its text was not at hand. What is
 * assumed here is what the architecture asks for (DDI 0487, D8.17) and what freeing a table takes elsewhere (table-free.ts):
 *
 *   who may    all CPUs have BBML2: a larger leaf over smaller ones in one store, without an invalid step. And whoever wants
 *              single pages again splits it: where the linear map was made of pages, nobody would (split-filter.ts);
 *   when       all entries of the table map neighbouring pages alike, seen under pgtable_split_lock;
 *   then       the block over the table, and a TLBI that also drops the way to the table out of walk caches (VAAE1IS). The
 *              old pages may stay cached: they say the same as the block, and whoever changes it flushes all of it;
 *   and last   the table is freed, which splitting never does, when no walker of any kind can be in it.
 */

/** The sentences of a collapse. A named bug replaces one of them. */
export interface CollapseText {
  readonly mayCollapse: (cpu: Cpu, k: Kernel) => Op<boolean>;
  /** Runs `collapse` while nobody walks the table in software. */
  readonly excluded: (cpu: Cpu, k: Kernel, collapse: Op<boolean>) => Op<boolean>;
  /** The block that says the same as the entries of the table at `table` (physical); 0: none does. */
  readonly blockFor: (cpu: Cpu, k: Kernel, table: number) => Op<bigint>;
  /** Gives back the table at `table`, which a block for `va` has replaced. */
  readonly retire: (cpu: Cpu, k: Kernel, table: number, va: number) => Op;
}

/** Makes a block of the pages around `va`, a linear address, if they are alike. May sleep. True: it is one now. */
export function* collapseLinearPmd(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  const { collapse } = k.text;
  if (!(yield* collapse.mayCollapse(cpu, k))) return false;
  const start = alignDown(va, levelBytes(k.space.granule, 2));
  return yield* collapse.excluded(cpu, k, collapseLocked(cpu, k, start));
}

function* collapseLocked(cpu: Cpu, k: Kernel, va: number): Op<boolean> {
  yield* mutexLock(cpu, k, 'pgtable_split_lock');
  const entry = yield* pmdEntry(cpu, k, va);
  const pmd = entry < 0 ? yield* load(cpu, entry) : 0n;
  const table = isTableEntry(pmd) ? Number(pmd & PTE_ADDRESS) : 0;
  const block = table === 0 ? 0n : yield* k.text.collapse.blockFor(cpu, k, table);
  if (block !== 0n) {
    yield* setEntry(cpu, k, entry, block);
    yield* k.text.collapse.retire(cpu, k, table, va);
  }
  yield* mutexUnlock(cpu, k, 'pgtable_split_lock');
  return block !== 0n;
}

/** Address of the PMD entry for `va`; 0: there is none, but a larger leaf, or nothing. */
function* pmdEntry(cpu: Cpu, k: Kernel, va: number): Op<number> {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; ; level++) {
    const entry = tableVa(k, table) + entryOffset(k.space, level, 0, va);
    if (level === 2) return entry;
    const value = yield* load(cpu, entry);
    if (!isTableEntry(value)) return 0;
    table = Number(value & PTE_ADDRESS);
  }
}

/** Nobody but EL1 uses these, and its hardware changes neither; CONT says nothing of a page itself. */
const UNIMPORTANT = PTE_AF | PTE_CONT | (0xfn << 55n);

/** All valid, one after the other from an address that a block can have, and alike but for what does not matter. */
function* blockFor(cpu: Cpu, k: Kernel, table: number): Op<bigint> {
  const { granule } = k.space;
  const va = physToVirt(k.space, table);
  const first = yield* load(cpu, va);
  if ((first & PTE_VALID) === 0n || !isAligned(Number(first & PTE_ADDRESS), levelBytes(granule, 2))) return 0n;
  if (!(yield* isUniform(cpu, va, first, granule.pageBytes, UNIMPORTANT))) return 0n;
  return (first & ~(PTE_TYPE_PAGE | PTE_CONT)) | PTE_AF;
}

/** No walker of any CPU has the way to the table when it goes back. */
function* retire(cpu: Cpu, _k: Kernel, table: number, va: number): Op {
  yield* flushTlbKernelPgtable(cpu, va);
  pgtableFree(cpu, table);
}

/**
 * Two kinds of walkers read tables without pgtable_split_lock: a dumper, which has init_mm.mmap_lock for writing, and whoever
 * changes permissions of the same block's pages, who has it for reading (`guarded` in set-memory.ts). Having it for writing
 * excludes both: neither can have read the link before, nor still be in the table when it is freed.
 */
function* excluded(cpu: Cpu, k: Kernel, collapse: Op<boolean>): Op<boolean> {
  yield* downWrite(cpu, k, 'init_mm.mmap_lock');
  const done = yield* collapse;
  yield* upWrite(cpu, k, 'init_mm.mmap_lock');
  return done;
}

/** [I] The second question is not known to be asked by the RFC. */
function* mayCollapse(cpu: Cpu, k: Kernel): Op<boolean> {
  if (!(yield* systemSupportsBbml2Noabort(cpu, k))) return false;
  return (yield* load(cpu, k.symbols.variables.linear_map_requires_bbml2)) !== 0n;
}

export const COLLAPSE_ROX_RFC: CollapseText = {
  mayCollapse,
  excluded,
  blockFor,
  retire,
};
