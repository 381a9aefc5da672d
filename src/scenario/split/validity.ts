import { encodeRangeOperand, encodeVaOperand } from '../../arch/tlbi-operand.ts';
import type { Board } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import {
  changeMemory,
  linearAliasRw,
  type PageattrText,
  setMemoryValid,
  validKernel,
} from '../../kernel/linear-map/pageattr.ts';
import { PTE_RDONLY, PTE_VALID, PTE_WRITE } from '../../kernel/tables/pgtable-prot.ts';
import { rangeOperations } from '../../kernel/tables/tlbflush.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea, wholeBlock } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { ableBlock } from './split.ts';

/**
 * Parts of the linear map are taken away and given back: a whole block while nobody looks at it, then single pages while others
 * read their neighbours, and last pages that become valid and read-only in one go.
 */

/** Where there is a block beside the one that holds the page tables. */
export const ableBlocks: Board = {
  ...ableBlock,
  name: 'able-blocks',
  summary: 'four CPUs with BBML2 and tiny TLBs, a tiny kernel and two 2M blocks',
  memory: [ableBlock.memory[0]!, { base: ableBlock.memory[1]!.base, bytes: 4 * 2 ** 20 }],
};

/** Away, and back again if that went well. */
function* awayAndBack(cpu: Cpu, k: Kernel, pa: number, pages: number): Op {
  const va = physToVirt(k.space, pa);
  mark(cpu, 'split.started');
  if ((yield* setMemoryValid(cpu, k, va, pages, false)) === 0) yield* setMemoryValid(cpu, k, va, pages, true);
  mark(cpu, 'split.finished');
}

const takeBlock: Program = function* (cpu, k) {
  const block = wholeBlock(k);
  if (block !== undefined) yield* awayAndBack(cpu, k, block.pa, block.pages);
};

const page = (k: Kernel, index: number): number => moduleArea(k).pa + index * k.space.granule.pageBytes;

/** Pages 3 and 4, whose neighbours others read. */
const takePages: Program = function* (cpu, k) {
  yield* awayAndBack(cpu, k, page(k, 3), 2);
};

/** Pages 9 and 10, which are there already, become valid and read-only, and then writable again. */
const protectPages: Program = function* (cpu, k) {
  const va = physToVirt(k.space, page(k, 9));
  const bytes = 2 * k.space.granule.pageBytes;
  const { takenAway } = k.text.pageattr;
  if ((yield* changeMemory(cpu, k, va, bytes, validKernel(k) | PTE_RDONLY, takenAway | PTE_WRITE)) === 0)
    yield* linearAliasRw(cpu, k, va, 2);
};

/** The neighbours of what is taken away, and what becomes read-only. */
const readAround: Program = function* (cpu, k) {
  for (const index of [2, 5, 9, 10, 15]) yield* load(cpu, physToVirt(k.space, page(k, index)));
};

const programs =
  (check: Program) =>
  (id: number): Program =>
    id === 0
      ? sequence(takeBlock, allTogether, takePages, protectPages, allTogether, check)
      : sequence(allTogether, readAround, allTogether, check);

const alone: Pick<Scenario, 'board' | 'programs' | 'briefPrograms'> = {
  board: ableBlocks,
  programs: programs(checkLinearMap),
  briefPrograms: programs(briefWork),
};

/** Somebody changes single pages of the linear map: with rodata=noalias nobody would. */
const kernel = { revision: '7.1', rodata: 'full' } as const;

export const validity = defineScenario({
  name: 'validity',
  summary: 'a block and single pages are taken out of the linear map and come back while others read their neighbours',
  kernel,
  ...alone,
});

export const validityWithKpti = defineScenario({
  ...validity,
  name: 'validity-kpti',
  summary: 'the same where kernel entries are not global, and the mark of an invalid entry is the bit that says so',
  kernel: { ...kernel, kpti: true },
});

function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ kernel, ...alone, ...definition, name: `validity/${definition.name}` });
}

const pageattr =
  (change: Partial<PageattrText>) =>
  (good: KernelText): KernelText => ({ ...good, pageattr: { ...good.pageattr, ...change } });

/** Linux before 15bfba1ad77f (7.1): no sentence is changed, 6.18 is like that. */
export const invalidBlockPassedOver = twin({
  name: 'invalid-block-passed-over',
  summary: 'who wants a block back that was made invalid passes over it, for it is no leaf: it stays away',
  expect: 'promise',
  kernel: { ...kernel, revision: '6.18' },
});

export const setBeforeClear = twin({
  name: 'set-before-clear',
  summary: 'bits are set and then cleared, and one bit is in both masks: what was taken away is not even present',
  expect: 'promise',
  kernel: { ...kernel, kpti: true },
  text: pageattr({ changed: (value, set, clear) => (value | set) & ~clear }),
});

export const flushElided = twin({
  name: 'flush-elided',
  summary: 'nothing is flushed where pages become valid, although they become read-only as well',
  expect: 'stale',
  text: pageattr({ needsFlush: (set) => (set & PTE_VALID) === 0n }),
});

/** As flush_tlb_kernel_range(), but for the entries of one ASID: that of init_mm, which is 0. */
function* flushOfInitMm(cpu: Cpu, k: Kernel, start: number, end: number): Op {
  const { granule } = k.space;
  const pages = (end - start) / granule.pageBytes;
  yield* dsb(cpu, 'ishst');
  for (const { start: va, range } of rangeOperations(start, pages, granule.pageBytes, cpu.model.features.tlbiRange))
    if (range === undefined) yield* tlbi(cpu, 'vale1is', encodeVaOperand(va));
    else yield* tlbi(cpu, 'rvale1is', encodeRangeOperand(va, range.NUM, range.SCALE, granule));
  yield* dsb(cpu, 'ish');
  yield* isb(cpu);
}

/** What set_huge_pte_at() did to kernel mappings until 6.16: where they are global, nobody can tell. */
export const flushedByOneAsid = twin({
  name: 'flushed-by-one-asid',
  summary:
    'kernel entries that are not global are flushed by the ASID of init_mm: CPUs that run processes cache them by theirs',
  expect: 'stale',
  kernel: { ...kernel, kpti: true },
  text: pageattr({ flush: flushOfInitMm }),
});

export const validityTwins: readonly Scenario[] = [
  invalidBlockPassedOver,
  setBeforeClear,
  flushElided,
  flushedByOneAsid,
];
