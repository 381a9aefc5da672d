import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { promise } from '../../hardware/instruction/milestone.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import { type SplitText, splitKernelLeafMappingLocked } from '../../kernel/linear-map/split-leaf.ts';
import { PTE_PXN, PTE_RDONLY, PTE_WRITE, TABLE_PXN } from '../../kernel/tables/pgtable-prot.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { blockEdge } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { ableBlocks } from './validity.ts';

/**
 * Ranges that begin in one block and end in the next become read-only and writable again, on two CPUs, while others read on both
 * sides. Memory for tables may be short: who cannot have his pages read-only does without.
 */

interface Range {
  readonly va: number;
  readonly pages: number;
}

/** CPU 0: the last page of a block and the first of the next. CPU 1: three pages further on. */
function rangeOf(k: Kernel, id: number): Range | undefined {
  const edge = blockEdge(k);
  if (edge === undefined || !canSetDirectMap(k.config)) return undefined;
  const { pageBytes } = k.space.granule;
  return id === 0
    ? { va: physToVirt(k.space, edge - pageBytes), pages: 2 }
    : { va: physToVirt(k.space, edge + 3 * pageBytes), pages: 3 };
}

/** Linux: bpf_prog_lock_ro(), include/linux/filter.h: whoever runs what lies there counts on nobody writing to it. */
function rely(cpu: Cpu, k: Kernel, { va, pages }: Range): void {
  const end = va + pages * k.space.granule.pageBytes;
  promise(cpu, 'bpf_prog_lock_ro', { start: va, end, set: PTE_RDONLY, clear: PTE_WRITE });
}

/** Text is written, made read-only and relied upon, and goes again. `heeds`: it is let go of where it cannot be read-only. */
const loadText = (heeds: boolean): Program =>
  function* (cpu, k) {
    const range = rangeOf(k, cpu.id);
    if (range === undefined) return;
    mark(cpu, 'split.started');
    const error = yield* linearAliasRo(cpu, k, range.va, range.pages);
    if (error === 0 || !heeds) rely(cpu, k, range);
    if (error === 0) yield* linearAliasRw(cpu, k, range.va, range.pages);
    mark(cpu, 'split.finished');
  };

/** Pages on both sides of the edge: some that change, some that do not. */
const readAround: Program = function* (cpu, k) {
  const edge = blockEdge(k);
  if (edge === undefined) return;
  for (const at of [-2, -1, 0, 1, 3, 7]) yield* load(cpu, physToVirt(k.space, edge + at * k.space.granule.pageBytes));
};

const CHANGERS = 2;

const racing = (changers: number, heeds = true): Pick<Scenario, 'programs' | 'briefPrograms'> => ({
  // The check changes pages of its own: all others are done by then.
  programs: (id) => sequence(id < changers ? loadText(heeds) : readAround, allTogether, checkLinearMap),
  briefPrograms: (id) => sequence(id < changers ? loadText(heeds) : readAround, briefWork),
});

export const splitRange = defineScenario({
  name: 'split-range',
  summary: 'two CPUs protect text that lies across the edge of a block, while others read it and tables may be short',
  board: ableBlocks,
  allocationFailureOneIn: 4,
  ...racing(CHANGERS),
});

/** One CPU changes, and tables there are: what goes wrong is the split's own doing. */
function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ board: ableBlocks, ...racing(1), ...definition, name: `split-range/${definition.name}` });
}

const split =
  (change: Partial<SplitText>) =>
  (good: KernelText): KernelText => ({ ...good, split: { ...good.split, ...change } });

export const oneEndSplit = twin({
  name: 'one-end-split',
  summary: 'a range is split where it begins, and not where it ends: half of it is changed when a block is in the way',
  expect: 'warn',
  text: split({ ends: (cpu, k, start) => splitKernelLeafMappingLocked(cpu, k, start) }),
});

export const pxnLost = twin({
  name: 'pxn-lost',
  summary:
    'a block that must not be executed becomes a table of pages that may be: neither they nor the table have PXN',
  expect: 'bbm',
  text: (good) => ({
    ...good,
    split: {
      ...good.split,
      childLeaf: (block, level, toCont) => good.split.childLeaf(block, level, toCont) & ~PTE_PXN,
      tableAttributes: (block) => good.split.tableAttributes(block) & ~TABLE_PXN,
    },
  }),
});

/** Callers in bpf, and kprobes before 0ec364c0c95f. No sentence is changed: memory for tables has run out, and nobody looks. */
export const returnValueIgnored = twin({
  name: 'return-value-ignored',
  summary: 'text is relied upon to be read-only, though set_memory_ro() has said -ENOMEM, and nobody listened',
  expect: 'promise',
  allocationFailureOneIn: 1,
  ...racing(1, false),
});

export const splitRangeTwins: readonly Scenario[] = [oneEndSplit, pxnLost, returnValueIgnored];
