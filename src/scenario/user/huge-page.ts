import { levelBytes } from '../../arch/granule.ts';
import type { Board } from '../../hardware/board/board.ts';
import { boardPresets, cramped } from '../../hardware/board/board-presets.ts';
import { cpuModels } from '../../hardware/board/cpu-models.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { mapHugePage, writeProtectHugePage } from '../../kernel/user/huge-page.ts';
import { cpuSwitchMm, mmAlloc, mmlistAdd, mmNumber, pmdAllocMap } from '../../kernel/user/mm.ts';
import { userRead } from '../../kernel/user/user-fault.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { wholeBlock } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { USER_VA } from './user-folio.ts';

/**
 * A process has a huge page, which is write-protected while its threads read it. Who does that names the pages that he was asked
 * about: they begin and end in the middle. [I] Linux has no such caller; but __flush_tlb_range() does not ask its callers for more.
 */

const oneBlock = boardPresets.get('one-block')!;

/** CPUs that flush address by address: an operation that takes a range has no strides. */
export const hugePageBoard: Board = {
  ...oneBlock,
  name: 'huge-page',
  summary: 'two CPUs without TLBI of ranges, a tiny kernel and four 2M blocks',
  memory: [oneBlock.memory[0]!, { base: oneBlock.memory[1]!.base, bytes: 8 * 2 ** 20 }],
  cpus: [cramped(cpuModels['cortex-a76']), cramped(cpuModels['cortex-a76'])],
};

/** Physical address of the huge page. */
function hugePage(k: Kernel): number {
  const block = wholeBlock(k);
  if (block === undefined) throw new Error(`board '${k.board.name}' has no room for a huge page`);
  return block.pa;
}

function* protect(cpu: Cpu, k: Kernel): Op {
  const { granule } = k.space;
  const mm = yield* mmAlloc(cpu, k);
  const pmdp = yield* pmdAllocMap(cpu, k, mm, USER_VA);
  yield* mapHugePage(cpu, k, mm, pmdp, hugePage(k));
  yield* mmlistAdd(cpu, k, mm);
  const end = USER_VA + levelBytes(granule, 2) - granule.pageBytes;
  yield* writeProtectHugePage(cpu, k, mm, pmdp, USER_VA + 3 * granule.pageBytes, end);
}

const reader = (times: number): Program =>
  function* (cpu, k) {
    const mm = yield* mmNumber(cpu, k, 0);
    yield* cpuSwitchMm(cpu, k, mm);
    for (let i = 0; i < times; i++) {
      const va = USER_VA + cpu.choose(8, 'program') * k.space.granule.pageBytes;
      const found = yield* userRead(cpu, k, mm, va);
      const expected = hugePage(k) + (va - USER_VA);
      if (found?.pa !== expected) cpu.observer.promiseBroken(cpu, va, expected, found?.pa ?? 0);
    }
  };

/** Reads of each reader: on threads, and where each is a point. */
const TIMES = 1000;
const BRIEF_TIMES = 6;

const race: Pick<Scenario, 'board' | 'programs' | 'briefPrograms'> = {
  board: hugePageBoard,
  programs: (cpu) => sequence(cpu === 0 ? protect : reader(TIMES), checkLinearMap),
  briefPrograms: (cpu) => sequence(cpu === 0 ? protect : reader(BRIEF_TIMES), briefWork),
};

export const hugePageProtected = defineScenario({
  ...race,
  name: 'huge-page',
  summary: 'a huge page of a process is write-protected while others read it; the flush is asked for a part of it',
});

export const rangeNotInStrides = defineScenario({
  ...race,
  name: 'huge-page/range-not-in-strides',
  summary:
    'the flush does not round its range to the stride: it goes from huge page to huge page past the end, for ever',
  expect: 'hung',
  text: (good) => ({
    ...good,
    userTlbflush: { ...good.userTlbflush, inStrides: (start, end) => [start, end] },
  }),
});
