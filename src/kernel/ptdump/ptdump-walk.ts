import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { downRead, downWrite, upRead, upWrite } from '../locking/locks.ts';
import { addrEnd, entriesAfter, entryOffset } from '../tables/pagewalk.ts';
import { isTableEntry, PTE_PXN, PTE_RDONLY, PTE_UXN, PTE_VALID } from '../tables/pgtable-prot.ts';
import { linkOf, noteRead, readEntry, readInvalid, swapperLink, type TableLink } from '../tables/table-link.ts';
import { staticBranchDec, staticBranchInc } from './static-key.ts';

/**
 * The dump of the kernel's tables, as a running kernel makes it: it reads them while others change them. Linux: mm/ptdump.c,
 * arch/arm64/mm/ptdump.c, 6.18. What somebody outside the machine sees is in ptdump.ts.
 *
 * Each entry is read once, and no lock of whoever changes it is taken. That tables are not freed under the walk is their
 * freers' care (table-free.ts): they have to be told, by the static key, that somebody walks.
 */

/** The sentences of a dump. A named bug replaces one of them. */
export interface PtdumpText {
  /** Runs `walk` while no table that it can come to is freed. */
  readonly guarded: (cpu: Cpu, k: Kernel, walk: Op) => Op;
  /** What lies between turning the key on and taking the lock: nothing. Here a dumper may be preempted. */
  readonly beforeLock: (cpu: Cpu, k: Kernel) => Op;
  /**
   * What lies between reading the way to a table for `va`, in an entry of `level`, and reading the table: nothing, for the
   * address orders the two. Here a dumper may be held up.
   */
  readonly beforeDescent: (cpu: Cpu, k: Kernel, level: number, va: number) => Op;
}

/** Told of each valid leaf, in order. */
export type NotePage = (va: number, level: number, value: bigint) => void;

/** Linux: ptdump_walk(), arch/arm64/mm/ptdump.c: what `[start, end)` is mapped to. May sleep. */
export function* ptdumpWalk(cpu: Cpu, k: Kernel, start: number, end: number, notePage: NotePage): Op {
  yield* k.text.ptdump.guarded(
    cpu,
    k,
    walkTable(cpu, k, swapperLink(cpu, k), k.space.startLevel, start, end, notePage),
  );
}

/** Pages of `[start, end)` that no kernel wants: writable and executable, and executable for user space. */
export interface WxPages {
  readonly wx: number;
  readonly uxn: number;
}

/**
 * Linux: ptdump_check_wx(), at boot in mark_rodata_ro(), later by debugfs. Looks at each mapping by itself: that two
 * aliases of a page are the one writable and the other executable it cannot see.
 */
export function* ptdumpCheckWx(cpu: Cpu, k: Kernel, start = k.space.pageOffset, end = 0): Op<WxPages> {
  const found = { wx: 0, uxn: 0 };
  yield* ptdumpWalk(cpu, k, start, end, (_va, level, value) => {
    const pages = levelBytes(k.space.granule, level) / k.space.granule.pageBytes;
    if ((value & PTE_UXN) === 0n) found.uxn += pages;
    if ((value & (PTE_RDONLY | PTE_PXN)) === 0n) found.wx += pages;
  });
  return found;
}

/**
 * The key first, so that whoever frees a table from now on waits for the lock; then the lock, which is held over all of the
 * walk. Counted, for two may dump at once. Linux: ptdump_walk_pgd(), mm/ptdump.c, between static_branch_inc() and _dec().
 */
function* guarded(cpu: Cpu, k: Kernel, walk: Op): Op {
  yield* staticBranchInc(cpu, k, 'arm64_ptdump_lock_key'); // pairs with the branch in waitForDumpers
  yield* k.text.ptdump.beforeLock(cpu, k);
  yield* downRead(cpu, k, 'mem_hotplug_lock'); // get_online_mems(): nor is memory, with its tables, taken away
  yield* downWrite(cpu, k, 'init_mm.mmap_lock');
  yield* walk;
  yield* upWrite(cpu, k, 'init_mm.mmap_lock');
  yield* upRead(cpu, k, 'mem_hotplug_lock');
  yield* staticBranchDec(cpu, k, 'arm64_ptdump_lock_key');
}

/** Dumping as merged in 6.18. */
export const PTDUMP_6_18: PtdumpText = { guarded, *beforeLock() {}, *beforeDescent() {} };

/** Linux: walk_page_range_debug() and the callbacks of ptdump. */
function* walkTable(
  cpu: Cpu,
  k: Kernel,
  table: TableLink,
  level: number,
  start: number,
  end: number,
  notePage: NotePage,
): Op {
  const { space } = k;
  const bytes = levelBytes(space.granule, level);
  for (let va = start, next: number; va < end; va = next) {
    next = addrEnd(space, level, va, end);
    const value = yield* readEntry(cpu, k, table, level, va);
    if ((value & PTE_VALID) === 0n) {
      const more = Math.min(entriesAfter(space, level, va, end), Math.ceil(space.granule.entriesPerTable / PIECES));
      if (more > 0) next = Math.min(next + (yield* readInvalid(cpu, k, table, level, next, more)) * bytes, end);
    } else if (level < 3 && isTableEntry(value)) {
      const child = linkOf(cpu, value);
      noteRead(cpu, entryOffset(space, level, table.pa, va), value);
      yield* k.text.ptdump.beforeDescent(cpu, k, level, va);
      yield* walkTable(cpu, k, child, level + 1, va, next, notePage);
    } else notePage(va, level, value);
  }
}

/** Empty entries are read many in one step, but a table not in fewer steps than so many: a walk takes its time. */
const PIECES = 8;
