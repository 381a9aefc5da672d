import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { downWrite, upWrite } from '../../kernel/locking/locks.ts';
import { staticBranchDec, staticBranchInc } from '../../kernel/ptdump/static-key.ts';
import { setEntry } from '../../kernel/tables/lazy-mmu.ts';
import { pgtableFree } from '../../kernel/tables/pgalloc.ts';
import { PTE_ADDRESS } from '../../kernel/tables/pgtable-prot.ts';
import { flushTlbKernelPgtable } from '../../kernel/tables/tlbflush.ts';
import type { Scenario } from '../scenario.ts';
import { letDumperGoOn, programsOf, ptdumpScenario } from './ptdump.ts';
import { hotplugArea, pmdEntry, slot } from './ptdump-area.ts';

/**
 * Memory is taken away while somebody dumps: tables of the linear map are freed, which no static key watches over. The lock
 * of memory hotplug does, where the dumper takes it. Linux: free_empty_pte_table(), arch/arm64/mm/mmu.c, under
 * mem_hotplug_begin() of try_remove_memory(), mm/memory_hotplug.c.
 */
function* removeTable(cpu: Cpu, k: Kernel, va: number): Op {
  const entry = yield* pmdEntry(cpu, k, va);
  yield* letDumperGoOn(cpu, k, 'mem_hotplug_lock');
  yield* downWrite(cpu, k, 'mem_hotplug_lock');
  const table = Number((yield* load(cpu, entry)) & PTE_ADDRESS);
  yield* setEntry(cpu, k, entry, 0n);
  yield* flushTlbKernelPgtable(cpu, va);
  pgtableFree(cpu, table);
  yield* upWrite(cpu, k, 'mem_hotplug_lock');
}

const removal = programsOf({
  place: (k, round) => slot(k, hotplugArea(k), round),
  free: removeTable,
  replaces: false,
});

export const hotRemove = ptdumpScenario({
  ...removal,
  name: 'ptdump/hot-remove',
  summary: 'memory is plugged in and taken away, with its tables, while others dump the linear map',
});

export const noGetOnlineMems = ptdumpScenario(
  {
    ...removal,
    name: 'ptdump/no-get-online-mems',
    summary: 'a dumper does not take the lock of memory hotplug: tables of the linear map are freed under its walk',
    expect: 'table-lifetime',
  },
  (good) => ({
    ...good,
    ptdump: {
      ...good.ptdump,
      *guarded(cpu, k, walk) {
        yield* staticBranchInc(cpu, k, 'arm64_ptdump_lock_key');
        yield* downWrite(cpu, k, 'init_mm.mmap_lock');
        yield* walk;
        yield* upWrite(cpu, k, 'init_mm.mmap_lock');
        yield* staticBranchDec(cpu, k, 'arm64_ptdump_lock_key');
      },
    },
  }),
);

export const hotRemoveScenarios: readonly Scenario[] = [hotRemove, noGetOnlineMems];
