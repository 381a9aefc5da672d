import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { contPtes } from '../../kernel/user/contpte.ts';
import {
  cpuSetReservedTtbr0,
  cpuSwitchMm,
  destroyContext,
  type Mm,
  mmAlloc,
  mmlistAdd,
  mmNumber,
  mmput,
  pteAllocMap,
  waitForUsers,
} from '../../kernel/user/mm.ts';
import { clearFullPtes, mapPages } from '../../kernel/user/user-pages.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { ableBlock } from './contpte.ts';
import { folioPte, readPage, USER_VA, writePage } from './user-folio.ts';

/**
 * A process ends, and the next one gets its ASID and other pages at the same addresses. All CPUs run in the first and then in
 * the second. What the first one's unmapping leaves in TLBs nobody can use, and nobody flushes: whoever gives its ASID away
 * has to.
 */

const PAGES = [0, 1, 4];

/** A process of which one folio is mapped. All CPUs will run in it. */
export function* startProcess(cpu: Cpu, k: Kernel, number: number): Op<{ readonly mm: Mm; readonly ptep: number }> {
  const mm = yield* mmAlloc(cpu, k, k.board.cpus.length - k.board.lateCpus.length);
  const ptep = yield* pteAllocMap(cpu, k, mm, USER_VA);
  yield* mapPages(cpu, k, mm, USER_VA, ptep, folioPte(k, number, 0), contPtes(k));
  yield* mmlistAdd(cpu, k, mm);
  return { mm, ptep };
}

/** Runs in the process until it has used its pages; the last one to leave lets it end. */
export function* runIn(cpu: Cpu, k: Kernel, mm: Mm, number: number): Op {
  yield* cpuSwitchMm(cpu, k, mm);
  for (const page of PAGES) {
    yield* readPage(cpu, k, mm, number, page);
    if (number === 1) yield* writePage(cpu, k, mm, number, page);
  }
}

function* boot(cpu: Cpu, k: Kernel): Op {
  const { mm, ptep } = yield* startProcess(cpu, k, 0);
  yield* runIn(cpu, k, mm, 0);
  yield* mmput(cpu, mm);
  yield* waitForUsers(cpu, mm);
  yield* clearFullPtes(cpu, k, mm, USER_VA, ptep, contPtes(k));
  yield* cpuSetReservedTtbr0(cpu, k);
  yield* destroyContext(cpu, k, mm);
  const second = yield* startProcess(cpu, k, 1);
  yield* runIn(cpu, k, second.mm, 1);
}

function* user(cpu: Cpu, k: Kernel): Op {
  const first = yield* mmNumber(cpu, k, 0);
  yield* runIn(cpu, k, first, 0);
  yield* cpuSetReservedTtbr0(cpu, k);
  yield* mmput(cpu, first);
  yield* runIn(cpu, k, yield* mmNumber(cpu, k, 1), 1);
}

const then =
  (after: Program) =>
  (cpu: number): Program =>
    function* (self, k) {
      yield* (cpu === 0 ? boot : user)(self, k);
      yield* after(self, k);
    };

const race: Pick<Scenario, 'programs' | 'briefPrograms'> = {
  programs: then(checkLinearMap),
  briefPrograms: then(briefWork),
};

export const asidReuse = defineScenario({
  name: 'asid-reuse',
  summary:
    'a process ends, and the next one gets its ASID, after that has been flushed, and other pages at its addresses',
  board: ableBlock,
  ...race,
});

export const asidNotFlushed = defineScenario({
  name: 'asid-reuse/no-flush',
  summary: 'an ASID is given to a new process while TLBs still hold what it stood for before',
  board: ableBlock,
  expect: 'stale',
  ...race,
  text: (good) => ({ ...good, mm: { ...good.mm, *flushBeforeReuse() {} } }),
});
