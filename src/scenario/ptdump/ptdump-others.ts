import { alignUp } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { collapseLinearPmd } from '../../kernel/linear-map/collapse.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import { pudFreePmdPage } from '../../kernel/tables/table-free.ts';
import type { Scenario } from '../scenario.ts';
import { inTurns, letDumperGoOn, programsOf, ptdumpScenario } from './ptdump.ts';
import { pmdEntry, slot, vmallocArea } from './ptdump-area.ts';

/** Tables under a dump that go in other ways: as a page of the linear map becomes like its neighbours, and several at once. */

/** The first block behind the kernel image: a page of it changes, and changes back. */
const collapsing = programsOf({
  place: ({ space }) => physToVirt(space, alignUp(space.end, levelBytes(space.granule, 2))),
  *make(cpu, k, va) {
    if (!canSetDirectMap(k.config)) return;
    const page = va + 3 * k.space.granule.pageBytes;
    if ((yield* linearAliasRo(cpu, k, page, 1)) === 0) yield* linearAliasRw(cpu, k, page, 1);
  },
  *free(cpu, k, va) {
    yield* collapseLinearPmd(cpu, k, va);
  },
  replaces: false,
});

/** In turns, and whoever collapses lets a dumper go on that has the lock. */
function collapseInTurns(text: KernelText): KernelText {
  const { collapse } = text;
  return {
    ...inTurns(text),
    collapse: {
      ...collapse,
      *excluded(cpu, k, op) {
        yield* letDumperGoOn(cpu, k, 'init_mm.mmap_lock');
        return yield* collapse.excluded(cpu, k, op);
      },
    },
  };
}

const collapsed = { ...collapsing, kernel: { revision: 'rox-rfc' }, circumstances: collapseInTurns } as const;

export const ptdumpCollapse = ptdumpScenario({
  ...collapsed,
  name: 'ptdump/collapse',
  summary: 'pages of the linear map become a block again, and their table is freed, while others dump it',
});

/** pgtable_split_lock, which a dumper does not take, was enough for splits: they free nothing. */
export const collapseUnderDumper = ptdumpScenario(
  {
    ...collapsed,
    name: 'ptdump/collapse-takes-no-lock',
    summary: 'a collapse does not take init_mm.mmap_lock: it frees the table that a dumper is about to read',
    expect: 'table-lifetime',
  },
  (good) => ({
    ...good,
    collapse: {
      ...good.collapse,
      *excluded(_cpu, _k, collapse) {
        return yield* collapse;
      },
    },
  }),
);

/** A PUD entry is emptied, and the PMD table and what hangs below it go together. */
const pudTables = programsOf({
  place: (k) => slot(k, vmallocArea(k), 1),
  *free(cpu: Cpu, k: Kernel, va: number): Op {
    const { space } = k;
    if (space.startLevel > 1) return; // no PUD table: swapper is the PMD table
    yield* pudFreePmdPage(cpu, k, yield* pmdEntry(cpu, k, va, 1), vmallocArea(k));
  },
  replaces: false,
});

export const ptdumpPud = ptdumpScenario({
  ...pudTables,
  name: 'ptdump/pud',
  summary: 'a PMD table of the vmalloc area is freed together with a PTE table below it while others dump them',
});

export const pudFreerTakesNoLock = ptdumpScenario(
  {
    ...pudTables,
    name: 'ptdump/pud-freer-takes-no-lock',
    summary: 'whoever frees a PMD table and what hangs below it does not wait for the lock that a dumper holds',
    expect: 'table-lifetime',
  },
  (good) => ({ ...good, tableFree: { ...good.tableFree, *passLock() {} } }),
);

export const ptdumpOthers: readonly Scenario[] = [ptdumpCollapse, collapseUnderDumper, ptdumpPud, pudFreerTakesNoLock];
