import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { halt } from '../../hardware/instruction/exception.ts';
import { load, loadAdd, store, swap } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { clearPage } from '../../hardware/instruction/table-fill.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import { allocateFrame, FRAME_DATA } from '../../hardware/memory/frame.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { ttbr } from '../boot/idmap.ts';
import type { Kernel } from '../kernel.ts';
import { placeRoot } from '../linear-map/linear-map.ts';
import { setEntry } from '../tables/lazy-mmu.ts';
import { entryOffset } from '../tables/pagewalk.ts';
import { pgtableAlloc } from '../tables/pgalloc.ts';
import { PTE_ADDRESS, PTE_AF, PTE_VALID, TABLE_PXN, TABLE_TYPE } from '../tables/pgtable-prot.ts';
import { flushTlbAsid } from './user-tlbflush.ts';

/**
 * Address spaces of user processes: a tree of tables for TTBR0, and an ASID, which TTBR1 carries (TCR_EL1.A1). Linux:
 * include/linux/mm_types.h, arch/arm64/mm/context.c.
 */

/** An mm_struct as a CPU holds it: what does not change while it lives. */
export interface Mm {
  /** Where it lies: linear address. */
  readonly va: number;
  /** Physical address of its pgd. */
  readonly pgd: number;
  readonly asid: number;
}

/** The sentences of the address space. A named bug replaces one of them. */
export interface MmText {
  /** Before an ASID that another mm has had is given to a new one. */
  readonly flushBeforeReuse: (cpu: Cpu, k: Kernel, asid: number) => Op;
}

export const MM_6_18: MmText = { flushBeforeReuse: flushTlbAsid };

/** Offsets of its words; the lock has a cache line of its own. */
const PGD = 0;
const CONTEXT_ID = 8;
const MMLIST_NEXT = 16;
const MM_USERS = 24;
const PAGE_TABLE_LOCK = 64;

/** Linear address of the lock that guards all its page tables: CONFIG_SPLIT_PTE_PTLOCKS is off. */
export function pageTableLock(mm: Mm): number {
  return mm.va + PAGE_TABLE_LOCK;
}

/** Linux: mm_alloc(), pgd_alloc(), init_new_context(): nothing is mapped, and nobody knows of it yet. `users`: mm_users. */
export function* mmAlloc(cpu: Cpu, k: Kernel, users = 1): Op<Mm> {
  const va = physToVirt(k.space, yield* someFrame(cpu, allocateFrame(cpu.memory, FRAME_DATA)));
  const pgd = yield* someFrame(cpu, yield* pgtableAlloc(cpu, k, 'kernel'));
  yield* clearPage(cpu, physToVirt(k.space, pgd));
  placeRoot(cpu, k, pgd, 0);
  const asid = yield* newContext(cpu, k);
  yield* dsb(cpu, 'ishst'); // the zeroes of the pgd are visible before anybody's TTBR0 holds it
  yield* store(cpu, va + PGD, BigInt(pgd));
  yield* store(cpu, va + CONTEXT_ID, BigInt(asid));
  yield* store(cpu, va + MM_USERS, BigInt(users));
  yield* store(cpu, va + PAGE_TABLE_LOCK, 0n);
  return { va, pgd, asid };
}

function* someFrame(cpu: Cpu, pa: number): Op<number> {
  if (pa < 0) yield* halt(cpu, 'Kernel panic - not syncing: Out of memory and no killable processes...');
  return pa;
}

/** Linux: init_mm.mmlist: from here on others may find it, the newest first. */
export function* mmlistAdd(cpu: Cpu, k: Kernel, mm: Mm): Op {
  const { mmlist } = k.symbols.variables;
  yield* store(cpu, mm.va + MMLIST_NEXT, yield* load(cpu, mmlist));
  yield* store(cpu, mmlist, BigInt.asUintN(64, BigInt(mm.va)));
}

/** The process that was the `number`th to come, from 0 on. Waits until it is there. */
export function* mmNumber(cpu: Cpu, k: Kernel, number: number): Op<Mm> {
  const { mmlist } = k.symbols.variables;
  for (;;) {
    const newest = yield* load(cpu, mmlist);
    const all: number[] = [];
    for (let at = newest; at !== 0n; at = yield* load(cpu, all[0]! + MMLIST_NEXT))
      all.unshift(Number(BigInt.asIntN(64, at)));
    const va = all[number];
    if (va !== undefined) return yield* mmAt(cpu, va);
    yield* relaxWhile(cpu, mmlist, newest, `process ${number} to be there`);
  }
}

function* mmAt(cpu: Cpu, va: number): Op<Mm> {
  const pgd = Number(yield* load(cpu, va + PGD));
  return { va, pgd, asid: Number(yield* load(cpu, va + CONTEXT_ID)) };
}

/** Linux: mmput(), but for what the last one does: that is for who calls `waitForUsers`. */
export function* mmput(cpu: Cpu, mm: Mm): Op {
  yield* loadAdd(cpu, mm.va + MM_USERS, -1n);
}

/** Returns when nobody runs in the mm any more. */
export function* waitForUsers(cpu: Cpu, mm: Mm): Op {
  for (;;) {
    const users = yield* load(cpu, mm.va + MM_USERS);
    if (users === 0n) return;
    yield* relaxWhile(cpu, mm.va + MM_USERS, users, 'mm_users to reach 0');
  }
}

/**
 * Linux: new_context(). ASIDs in turn; one that was given back comes first. Linux gives none back: when all are used up it
 * begins a new generation, and each CPU drops everything before it runs in that. Here the one ASID is flushed instead.
 */
function* newContext(cpu: Cpu, k: Kernel): Op<number> {
  const { asid_free, asid_last } = k.symbols.variables;
  const free = Number(yield* swap(cpu, asid_free, 0n));
  if (free === 0) return Number(yield* loadAdd(cpu, asid_last, 1n)) + 1;
  yield* k.text.mm.flushBeforeReuse(cpu, k, free);
  announce(cpu, 'asid.reused', 0, 2 ** k.space.vaBits, free);
  return free;
}

/** The ASID may be given to somebody else. Nobody runs in the mm any more. */
export function* destroyContext(cpu: Cpu, k: Kernel, mm: Mm): Op {
  yield* store(cpu, k.symbols.variables.asid_free, BigInt(mm.asid));
}

/**
 * Linux: cpu_do_switch_mm(). While the ASID changes, TTBR0 leads nowhere: nothing of the old tables is cached under the new
 * ASID, nor the reverse. Global entries and what other ASIDs have cached stay.
 */
export function* cpuSwitchMm(cpu: Cpu, k: Kernel, { pgd, asid }: Mm): Op {
  yield* msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.reservedPgDir));
  yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.swapperPgDir, asid));
  yield* msr(cpu, 'TTBR0_EL1', ttbr(pgd));
  yield* isb(cpu);
}

/** Linux: cpu_set_reserved_ttbr0(): no walk finds the tables any more. What is cached under the ASID, which stays, is found. */
export function* cpuSetReservedTtbr0(cpu: Cpu, k: Kernel): Op {
  yield* msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.reservedPgDir));
  yield* isb(cpu);
}

/** Linux: pte_alloc_map(): linear address of the entry for `va`; tables that are missing on the way are made. */
export function* pteAllocMap(cpu: Cpu, k: Kernel, mm: Mm, va: number): Op<number> {
  return yield* entryAllocMap(cpu, k, mm, va, 3);
}

/** Linux: pmd_alloc(): the same for a huge page. */
export function* pmdAllocMap(cpu: Cpu, k: Kernel, mm: Mm, va: number): Op<number> {
  return yield* entryAllocMap(cpu, k, mm, va, 2);
}

function* entryAllocMap(cpu: Cpu, k: Kernel, mm: Mm, va: number, leafLevel: number): Op<number> {
  const { space } = k;
  let table = mm.pgd;
  for (let level = space.startLevel as number; level < leafLevel; level++) {
    const entry = physToVirt(space, table) + entryOffset(space, level, 0, va);
    const value = yield* load(cpu, entry);
    table = (value & PTE_VALID) !== 0n ? Number(value & PTE_ADDRESS) : yield* populate(cpu, k, entry);
  }
  return physToVirt(space, table) + entryOffset(space, leafLevel, 0, va);
}

/** Linux: __pmd_populate() and the like: what user processes may run, the kernel may not. */
function* populate(cpu: Cpu, k: Kernel, entry: number): Op<number> {
  const table = yield* someFrame(cpu, yield* pgtableAlloc(cpu, k, 'kernel'));
  yield* clearPage(cpu, physToVirt(k.space, table));
  yield* dsb(cpu, 'ishst'); // pairs with the walkers: who sees the table sees what is in it
  yield* setEntry(cpu, k, entry, BigInt(table) | TABLE_TYPE | PTE_AF | TABLE_PXN);
  return table;
}
