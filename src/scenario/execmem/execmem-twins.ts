import { levelBytes } from '../../arch/granule.ts';
import { encodeVaOperand } from '../../arch/tlbi-operand.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { systemSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import { type ExecmemText, setDirectMapValid } from '../../kernel/execmem/execmem.ts';
import { insertArea } from '../../kernel/execmem/execmem-areas.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import type { CollapseText } from '../../kernel/linear-map/collapse.ts';
import { updateRangeProt } from '../../kernel/linear-map/pageattr.ts';
import { pgtableFree } from '../../kernel/tables/pgalloc.ts';
import { PTE_CONT, PTE_RDONLY, PTE_TYPE_PAGE, PTE_VALID, PTE_WRITE } from '../../kernel/tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../../kernel/tables/tlbflush.ts';
import { defineScenario, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { bootModule, codeBlockMixed, memoryShort, modules, withBootModule } from './execmem.ts';

/** What goes wrong with the ROX cache, and with blocks that are made of pages again. */

type Twin = Omit<ScenarioDefinition, 'board'> & { readonly board?: Scenario['board'] };

function twin(definition: Twin): Scenario {
  return defineScenario({
    ...modules,
    circumstances: memoryShort,
    ...definition,
    name: `execmem/${definition.name}`,
  });
}

const cache =
  (change: Partial<ExecmemText>) =>
  (good: KernelText): KernelText => ({ ...good, execmem: { ...good.execmem, ...change } });

const collapsing =
  (change: Partial<CollapseText>) =>
  (good: KernelText): KernelText => ({ ...good, collapse: { ...good.collapse, ...change } });

/** What RFC 3/6 is there for. */
export const cleanLeavesReadOnly = twin({
  name: 'clean-leaves-read-only',
  summary:
    'pages that the cache gives up are made valid in the linear map, and stay read-only: their next owner writes',
  expect: 'spurious-fault',
  text: cache({ resetLinearMap: (cpu, k, area) => setDirectMapValid(cpu, k, area) }),
});

export const cleanNotFlushed = twin({
  name: 'clean-not-flushed',
  summary: 'the pages become writable again without a flush, and whoever has it cached goes on with read-only',
  expect: 'stale',
  text: cache({
    *resetLinearMap(cpu, k, { pa, bytes }) {
      const start = physToVirt(k.space, pa);
      const clear = k.text.pageattr.takenAway | PTE_RDONLY;
      const error = yield* updateRangeProt(cpu, k, start, bytes, PTE_VALID | PTE_WRITE, clear);
      announce(cpu, 'execmem_cache_clean', start, start + bytes);
      return error;
    },
  }),
});

export const freeNotMerged = twin({
  name: 'free-not-merged',
  summary: 'what is given back does not become one with what is free beside it: no area is ever whole again',
  expect: 'leak',
  text: cache({ addFree: (cpu, k, start, bytes) => insertArea(cpu, k, 'free', start, bytes) }),
});

export const pendingNotRetried = twin({
  name: 'pending-not-retried',
  summary: 'a slice that could not become free when it was given back stays pending for good',
  expect: 'leak',
  text: cache({ retriesPending: false }),
});

/** What flush_tlb_kernel_range() is good for everywhere else: last-level entries only. */
export const walkCacheNotFlushed = twin({
  name: 'walk-cache-not-flushed',
  summary: 'a collapse flushes the pages with last-level TLBIs, and frees the table to which walk caches still lead',
  expect: 'table-lifetime',
  text: collapsing({
    *retire(cpu, k, table, va) {
      yield* flushTlbKernelRange(cpu, k, va, va + levelBytes(k.space.granule, 2));
      pgtableFree(cpu, table);
    },
  }),
});

export const freedBeforeDsb = twin({
  name: 'freed-before-dsb',
  summary: 'a collapse frees the table when the TLBI is on its way, and waits for it only then',
  expect: 'table-lifetime',
  text: collapsing({
    *retire(cpu, _k, table, va) {
      yield* dsb(cpu, 'ishst');
      yield* tlbi(cpu, 'vaae1is', encodeVaOperand(va));
      pgtableFree(cpu, table);
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    },
  }),
});

/** The linear alias of what somebody is writing to becomes read-only, by the way; already the store is against all rules. */
export const collapseUnchecked = twin({
  name: 'collapse-unchecked',
  summary: 'a collapse makes a block of the first entry of the table, whatever the others are',
  expect: 'bbm',
  text: collapsing({
    *blockFor(cpu, k, table) {
      return (yield* load(cpu, physToVirt(k.space, table))) & ~(PTE_TYPE_PAGE | PTE_CONT);
    },
  }),
});

/** A module as large as a PMD has no others beside it; where that would take long, one page. */
const wholePmd = ({ space }: Kernel): number => (space.granule.name === '4K' ? space.granule.entriesPerTable : 1);

const mixed = {
  board: codeBlockMixed,
  circumstances: (good: KernelText): KernelText => ({ ...good, early: { work: bootModule(wholePmd) } }),
} as const;

export const execmemMixed = defineScenario({
  ...modules,
  ...mixed,
  name: 'execmem/without-bbml2',
  summary: 'where not all CPUs have BBML2 there is no cache, and pages stay pages even if all of a table are alike',
});

export const collapseWithoutBbml2 = twin({
  ...mixed,
  name: 'collapse-without-bbml2',
  summary: 'a collapse does not ask whether all CPUs have BBML2',
  expect: 'bbm',
  text: collapsing({
    *mayCollapse() {
      return true;
    },
  }),
});

/** debug_pagealloc wants pages, and so nobody splits (split-filter.ts): a block that somebody makes there is there to stay. */
const pageMapped = {
  circumstances: withBootModule,
  kernel: { ...modules.kernel, debugPagealloc: true },
} as const;

export const execmemPageMapped = defineScenario({
  ...modules,
  ...pageMapped,
  name: 'execmem/page-mapped',
  summary:
    'where the linear map is made of pages for debug_pagealloc it stays so, whatever becomes of the vmalloc areas',
});

export const collapsePageMapped = twin({
  ...pageMapped,
  name: 'collapse-page-mapped',
  summary: 'a collapse asks whether all CPUs have BBML2, and not whether anybody would split the block again',
  expect: 'warn',
  text: collapsing({ mayCollapse: systemSupportsBbml2Noabort }),
});

export const execmemTwins: readonly Scenario[] = [
  cleanLeavesReadOnly,
  cleanNotFlushed,
  freeNotMerged,
  pendingNotRetried,
  walkCacheNotFlushed,
  freedBeforeDsb,
  collapseUnchecked,
  collapseWithoutBbml2,
  collapsePageMapped,
];
