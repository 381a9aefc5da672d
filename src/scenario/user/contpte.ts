import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { systemSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { contPtes } from '../../kernel/user/contpte.ts';
import { cpuSwitchMm, type Mm, mmAlloc, mmlistAdd, mmNumber, pteAllocMap } from '../../kernel/user/mm.ts';
import { makeWritable, mapPages, pageMkclean, writeProtect } from '../../kernel/user/user-pages.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { folioPte, readPage, USER_VA, usedPages, writePage } from './user-folio.ts';

/**
 * A process whose pages become a contiguous group and fall apart again while its threads use them, and a second process at the
 * same addresses. The boot CPU changes the first one, and runs in it. So do the others, but for every fourth CPU, which runs in
 * the second.
 */

const oneBlock = boardPresets.get('one-block')!;

function fourOf(which: 0 | 1, name: string, summary: string): Board {
  return { ...oneBlock, name, summary, cpus: Array.from({ length: 4 }, () => oneBlock.cpus[which]!) };
}

export const ableBlock = fourOf(0, 'able-block', 'four CPUs with BBML2 and tiny TLBs, a tiny kernel and one 2M block');
export const plainBlock = fourOf(
  1,
  'plain-block',
  'four CPUs without BBML2 and with tiny TLBs, a tiny kernel and one 2M block',
);

/** The process that CPU `id` runs in: 0, which is changed, or 1. */
const processOf = (id: number): number => (id % 4 === 3 ? 1 : 0);

/** Pages that single changes fall on. Page `KEPT` is written by the boot CPU alone. */
const PROTECTED = 3;
const KEPT = 2;

/** The first process as the boot CPU holds it: with the entry for page 0. */
interface Changed {
  readonly mm: Mm;
  readonly ptep: number;
}

/**
 * Both processes. In the first one the last page comes after another has been written: a group is made of clean and of dirty
 * pages, and falls apart again when one of them is written to disk. Then others find them.
 */
export function* startProcesses(cpu: Cpu, k: Kernel): Op<Changed> {
  const last = contPtes(k) - 1;
  const [first, second] = [yield* startProcess(cpu, k, 0, last), yield* startProcess(cpu, k, 1, last + 1)];
  yield* cpuSwitchMm(cpu, k, first.mm);
  yield* writePage(cpu, k, first.mm, 0, KEPT);
  yield* mapPages(cpu, k, ...placeOf(k, first, last), folioPte(k, 0, last), 1); // folds
  yield* pageMkclean(cpu, k, ...placeOf(k, first, KEPT)); // unfolds
  yield* mmlistAdd(cpu, k, first.mm);
  yield* mmlistAdd(cpu, k, second.mm);
  return first;
}

function* startProcess(cpu: Cpu, k: Kernel, number: number, pages: number): Op<Changed> {
  const mm = yield* mmAlloc(cpu, k);
  const ptep = yield* pteAllocMap(cpu, k, mm, USER_VA);
  yield* mapPages(cpu, k, mm, USER_VA, ptep, folioPte(k, number, 0), pages);
  return { mm, ptep };
}

/** Mm, address and entry of a page. */
function placeOf(k: Kernel, { mm, ptep }: Changed, page: number): [mm: Mm, va: number, ptep: number] {
  return [mm, USER_VA + page * k.space.granule.pageBytes, ptep + 8 * page];
}

/** The group becomes whole, and a part of it is protected for a while. */
export function* protectOne(cpu: Cpu, k: Kernel, changed: Changed): Op {
  yield* makeWritable(cpu, k, ...placeOf(k, changed, contPtes(k) - 1)); // folds
  yield* writeProtect(cpu, k, ...placeOf(k, changed, PROTECTED), 1); // unfolds
  yield* makeWritable(cpu, k, ...placeOf(k, changed, PROTECTED));
}

/**
 * Where BBML2 allows it, a whole group is protected, and stays one: until the flush its members disagree. Page by page it gets
 * its rights back, and is whole again with the last. Linux does this on all CPUs; on those of level 0 it is misprogramming
 * like any other (DDI 0487, RNGLXZ), so that here nobody asks for it there.
 */
export function* protectAll(cpu: Cpu, k: Kernel, changed: Changed): Op {
  if (!(yield* systemSupportsBbml2Noabort(cpu, k))) return;
  yield* makeWritable(cpu, k, ...placeOf(k, changed, contPtes(k) - 1)); // folds
  yield* writeProtect(cpu, k, ...placeOf(k, changed, 0), contPtes(k));
  for (let page = 0; page < contPtes(k); page++) yield* makeWritable(cpu, k, ...placeOf(k, changed, page));
}

/** The group becomes whole, and a page of it is written and then written to disk. */
export function* cleanOne(cpu: Cpu, k: Kernel, changed: Changed): Op {
  yield* makeWritable(cpu, k, ...placeOf(k, changed, contPtes(k) - 1)); // folds
  yield* writePage(cpu, k, changed.mm, 0, KEPT);
  yield* pageMkclean(cpu, k, ...placeOf(k, changed, KEPT)); // unfolds
}

/** Reads and writes pages of a process as `times` says. */
function* use(cpu: Cpu, k: Kernel, mm: Mm, times: number): Op {
  const pages = usedPages(k);
  for (let i = 0; i < times; i++) {
    const page = pages[cpu.choose(pages.length, 'program')]!;
    if (page === KEPT || cpu.choose(2, 'program') === 0) yield* readPage(cpu, k, mm, processOf(cpu.id), page);
    else yield* writePage(cpu, k, mm, processOf(cpu.id), page);
  }
}

/** On threads so often that others meet a group in every state; where each access is a point, once. */
function* changer(cpu: Cpu, k: Kernel): Op {
  const changed = yield* startProcesses(cpu, k);
  for (let i = 0; i < CYCLES; i++) {
    yield* protectOne(cpu, k, changed);
    yield* cleanOne(cpu, k, changed);
    yield* protectAll(cpu, k, changed);
  }
}

function* briefChanger(cpu: Cpu, k: Kernel): Op {
  const changed = yield* startProcesses(cpu, k);
  yield* protectOne(cpu, k, changed);
  yield* protectAll(cpu, k, changed);
}

export const user = (times: number): Program =>
  function* (cpu, k) {
    const mm = yield* mmNumber(cpu, k, processOf(cpu.id));
    yield* cpuSwitchMm(cpu, k, mm);
    yield* use(cpu, k, mm, times);
  };

const CYCLES = 5;
/** Accesses of each user: on threads, and where each is a point. */
const TIMES = 1000;
const BRIEF_TIMES = 6;

const race: Pick<Scenario, 'programs' | 'briefPrograms'> = {
  programs: (cpu) => sequence(cpu === 0 ? changer : user(TIMES), checkLinearMap),
  briefPrograms: (cpu) => sequence(cpu === 0 ? briefChanger : user(BRIEF_TIMES), briefWork),
};

export const contpte = defineScenario({
  name: 'contpte',
  summary:
    'pages of a process become a contiguous group and fall apart again while its threads use them: no TLBI between',
  board: ableBlock,
  ...race,
});

export const contpteWithoutBbml2 = defineScenario({
  name: 'contpte-without-bbml2',
  summary:
    'the same where old and new entries must not meet in a TLB: what is invalid is flushed before it is made anew',
  board: plainBlock,
  ...race,
});

/** One sentence of the conversion or of the flush replaced. */
function twin<Part extends 'contpte' | 'userTlbflush'>(
  definition: Pick<ScenarioDefinition, 'name' | 'summary' | 'board'> & { readonly expect: string },
  part: Part,
  change: Partial<KernelText[Part]>,
): Scenario {
  return defineScenario({
    ...race,
    ...definition,
    name: `contpte/${definition.name}`,
    text: (good) => ({ ...good, [part]: { ...good[part], ...change } }),
  });
}

export const tlbiElided = twin(
  {
    name: 'elided-tlbi',
    summary: 'the flush between clearing and making a group is left out, though not all CPUs have BBML2',
    board: plainBlock,
    expect: 'bbm',
  },
  'contpte',
  {
    *elidesTlbi() {
      return true;
    },
  },
);

export const dirtyNotGathered = twin(
  {
    name: 'dirty-not-gathered',
    summary: 'the group becomes what its first caller says, whatever hardware has noted in its other entries',
    board: ableBlock,
    expect: 'dirty',
  },
  'contpte',
  { gather: (pte) => pte },
);

export const groupNotUnfolded = twin(
  {
    name: 'group-not-unfolded',
    summary: 'one page of a live contiguous group is write-protected, and the group stays one',
    board: plainBlock,
    expect: 'bbm',
  },
  'contpte',
  { *tryUnfoldPartial() {} },
);

export const groupLeftRagged = twin(
  {
    name: 'group-left-ragged',
    summary: 'the same where BBML2 forgives it while it happens: the flush leaves a group that says two things',
    board: ableBlock,
    expect: 'contiguous',
  },
  'contpte',
  { *tryUnfoldPartial() {} },
);

export const wrongLevelHint = twin(
  {
    name: 'wrong-level-hint',
    summary: 'the flush of pages promises that they are blocks of level 2, and removes no page',
    board: ableBlock,
    expect: 'stale',
  },
  'userTlbflush',
  { hint: (level) => level - 1 },
);

export const wrongAsid = twin(
  {
    name: 'wrong-asid',
    summary: 'the flush names the ASID of the other process',
    board: ableBlock,
    expect: 'stale',
  },
  'userTlbflush',
  { asidOf: ({ asid }) => asid ^ 3 }, // of 1 and 2 the other
);

export const wrprotectNotFlushed = twin(
  {
    name: 'no-flush',
    summary: 'nothing is flushed after pages have been write-protected',
    board: ableBlock,
    expect: 'stale',
  },
  'userTlbflush',
  { *afterWrprotect() {} },
);

export const contpteTwins: readonly Scenario[] = [
  tlbiElided,
  dirtyNotGathered,
  groupNotUnfolded,
  groupLeftRagged,
  wrongLevelHint,
  wrongAsid,
  wrprotectNotFlushed,
];
