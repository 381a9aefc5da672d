import { contiguousRun } from '../../arch/granule.ts';
import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import { splitKernelLeafMapping } from '../../kernel/linear-map/split-leaf.ts';
import { PTE_ATTRINDX } from '../../kernel/tables/pgtable-prot.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether, armMeeting, meet } from '../staging/meeting.ts';

/**
 * Pages in the middle of a block become read-only and writable again while other CPUs use what lies around them. No CPU
 * stops and none is told: the block falls apart under their feet, and only the pages that changed are flushed.
 */

const oneBlock = boardPresets.get('one-block')!;

/** Where blocks may be split in place: all CPUs have BBML2. A tiny kernel, and one 2M block. */
export const ableBlock: Board = {
  ...oneBlock,
  name: 'able-block',
  summary: 'four CPUs with BBML2 and tiny TLBs, a tiny kernel and one 2M block',
  cpus: Array.from({ length: 4 }, () => oneBlock.cpus[0]!),
};

/** CPUs that change permissions; all others read. */
const CHANGERS = 2;

/** The pages that CPU `id` changes, of those that modules live in: both ends within a block, and within a contiguous group. */
function pagesOf(k: Kernel, id: number): { readonly va: number; readonly pages: number } {
  const first = id === 0 ? 3 : 9;
  return { va: physToVirt(k.space, moduleArea(k).pa + first * k.space.granule.pageBytes), pages: id === 0 ? 1 : 2 };
}

function* change(cpu: Cpu, k: Kernel): Op {
  const { va, pages } = pagesOf(k, cpu.id);
  mark(cpu, 'split.started');
  const error = yield* linearAliasRo(cpu, k, va, pages);
  if (error === 0) yield* linearAliasRw(cpu, k, va, pages);
  mark(cpu, 'split.finished');
}

/** What changes, what lies beside it, and the far end of the block. */
function* readAround(cpu: Cpu, k: Kernel): Op {
  const { pageBytes } = k.space.granule;
  const first = physToVirt(k.space, moduleArea(k).pa);
  for (const page of [3, 4, 9, 15, 2]) yield* load(cpu, first + page * pageBytes);
}

/** The check begins with changes of its own, in the same pages: who changes a range has to own it, so all others are done. */
function* changeAndWait(cpu: Cpu, k: Kernel): Op {
  armMeeting(cpu, k, CHANGERS);
  yield* change(cpu, k);
  yield* meet(cpu);
}

const race: Pick<Scenario, 'programs' | 'briefPrograms'> = {
  programs: (cpu) => (cpu < CHANGERS ? sequence(changeAndWait, checkLinearMap) : checkLinearMap),
  briefPrograms: (cpu) => sequence(cpu < CHANGERS ? change : readAround, briefWork),
};

export const splitLeaf = defineScenario({
  name: 'split-leaf',
  summary: 'two CPUs change pages within one block, which falls apart in place while all others read it',
  board: ableBlock,
  kernel: { rodata: 'full' }, // with less, nobody changes linear aliases, and nobody splits for who does
  ...race,
});

/** One sentence of the split or of the change replaced. */
function twin(definition: Omit<ScenarioDefinition, 'board'> & { readonly board?: string }): Scenario {
  return defineScenario({ ...race, board: ableBlock, ...definition, name: `split-leaf/${definition.name}` });
}

/** The first half of a change, at the edges of a contiguous group: none has to go, so of two tables neither is the worse. */
function* split(cpu: Cpu, k: Kernel): Op {
  const bytes = k.space.granule.pageBytes * contiguousRun(k.space.granule, 3);
  const start = physToVirt(k.space, moduleArea(k).pa) + bytes * (1 + cpu.id);
  mark(cpu, 'split.started');
  yield* splitKernelLeafMapping(cpu, k, start, start + bytes);
  mark(cpu, 'split.finished');
}

/** On threads two CPUs seldom meet between the look at the block and the link: the first waits there for the other. */
function* splitTogether(cpu: Cpu, k: Kernel): Op {
  armMeeting(cpu, k, CHANGERS);
  yield* split(cpu, k);
}

export const noSplitLock = twin({
  name: 'no-split-lock',
  summary: 'two CPUs split one block without pgtable_split_lock: the second table takes the place of the first',
  expect: 'leak',
  programs: (cpu) => (cpu < CHANGERS ? sequence(splitTogether, briefWork) : checkLinearMap),
  briefPrograms: (cpu) => sequence(cpu < CHANGERS ? split : readAround, briefWork),
  text: (good: KernelText) => ({
    ...good,
    split: {
      ...good.split,
      *locked(_cpu, _k, split) {
        return yield* split;
      },
    },
    repaint: {
      ...good.repaint,
      *beforeLink(cpu) {
        yield* meet(cpu);
        yield* good.repaint.beforeLink(cpu);
      },
    },
  }),
});

export const changeNotFlushed = twin({
  name: 'no-flush',
  summary: 'nothing is flushed after a permission change',
  expect: 'stale',
  text: (good) => ({ ...good, pageattr: { ...good.pageattr, *flush() {} } }),
});

/** On threads a reader may come to grief before the change itself has been judged: here all wait until it is made. */
const changeBeforeReads = (cpu: number): Program =>
  sequence(cpu === 0 ? sequence(change, allTogether) : allTogether, checkLinearMap);

export const splitUnchecked = twin({
  name: 'bbml2-unchecked',
  summary: 'a block is split in place without asking whether all CPUs have BBML2, where nothing was repainted',
  board: 'asymmetric-8',
  kernel: { rodata: 'noalias' },
  expect: 'bbm',
  programs: changeBeforeReads,
  text: (good) => ({
    ...good,
    split: {
      ...good.split,
      *filter() {
        return undefined;
      },
    },
  }),
});

export const splitLinkedBeforeVisible = twin({
  name: 'linked-before-visible',
  summary: 'no barrier between filling the table that takes the place of a block and linking it',
  expect: 'spurious-fault',
  text: (good) => ({ ...good, repaint: { ...good.repaint, *beforeLink() {} } }),
});

export const childForgetsMemoryType = twin({
  name: 'child-forgets-memory-type',
  summary: 'the entries of the new table have the attributes of the block, but for its memory type',
  expect: 'bbm',
  programs: changeBeforeReads,
  text: (good) => ({
    ...good,
    split: {
      ...good.split,
      childLeaf: (block, level, toCont) => good.split.childLeaf(block, level, toCont) & ~PTE_ATTRINDX,
    },
  }),
});

export const splitTwins: readonly Scenario[] = [
  noSplitLock,
  changeNotFlushed,
  splitUnchecked,
  splitLinkedBeforeVisible,
  childForgetsMemoryType,
];
