import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { tableVa } from '../linear-map/split.ts';
import { addrEnd, entriesAfter, entryOffset } from '../tables/pagewalk.ts';
import { pgtableAlloc } from '../tables/pgalloc.ts';
import { isTableEntry, PTE_ADDRESS, PTE_VALID } from '../tables/pgtable-prot.ts';
import { REPAINT_6_18, type RepaintText, splitAllButImage } from './repaint.ts';

/**
 * The repaint with tables that were taken before the machine stopped, as it was discussed for PREEMPT_RT (December 2025: "use
 * pagetable_alloc_nolock() while stop_machine()", and that this may fail, which is a panic). Once all CPUs stand, zone->lock
 * cannot be waited for: where it sleeps there is nobody to sleep for. How the tables are counted is assumed.
 */

/** One table for every block, and one more for each that hangs below that. Returns 0 or -ENOMEM, then some are taken. */
function* reserve(cpu: Cpu, k: Kernel): Op<number> {
  const { space, symbols, percpu } = k;
  let missing = yield* tablesFor(cpu, k, symbols.swapperPgDir, space.startLevel, space.pageOffset, space.pageEnd);
  for (; missing > 0; missing--) {
    const table = yield* pgtableAlloc(cpu, k, 'kernel');
    if (table < 0) return -ENOMEM;
    percpu.reservedTables.push(table);
  }
  return 0;
}

/** Tables that it takes to map `[start, end)` with pages; the kernel image's alias is counted as well, and need not be split. */
function* tablesFor(cpu: Cpu, k: Kernel, table: number, level: number, start: number, end: number): Op<number> {
  const { space } = k;
  const below = level === 1 ? 1 + space.granule.entriesPerTable : 1;
  let tables = 0;
  for (let va = start, next: number; va < end; va = next) {
    const entry = tableVa(k, table) + entryOffset(space, level, 0, va);
    next = addrEnd(space, level, va, end);
    const value = yield* load(cpu, entry);
    if ((value & PTE_VALID) === 0n) {
      const more = yield* skipInvalid(cpu, entry + 8, entriesAfter(space, level, va, end));
      next = Math.min(next + more * levelBytes(space.granule, level), end);
    } else if (!isTableEntry(value)) tables += below;
    else if (level < 2) tables += yield* tablesFor(cpu, k, Number(value & PTE_ADDRESS), level + 1, va, next);
  }
  return tables;
}

export const REPAINT_PREALLOCATED: RepaintText = {
  ...REPAINT_6_18,
  reserve,
  split: (cpu, k) => splitAllButImage(cpu, k, 'reserved'),
};
