import type { Cpu } from '../../hardware/cpu.ts';
import { ldtr } from '../../hardware/instruction/unprivileged.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { mmNumber } from '../../kernel/user/mm.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { ableBlock, cleanOne, protectAll, protectOne, startProcesses, user } from '../user/contpte.ts';
import { folioPa, readPage, USER_VA, usedPages } from '../user/user-folio.ts';
import { lineWithin, raiseLine, untilHandled } from './device.ts';

/**
 * Whoever makes a contiguous group of a process, or takes it apart, is interrupted with the page-table lock held and the entries
 * between old and new. The handler wants to know what the process is about and reads its memory, as perf does for a call chain:
 * where that is not mapped just now it goes without, for it may not wait for anybody.
 */

const CYCLES = 5;
const TIMES = 1000;
/** Instructions within which the device strikes on threads. */
const WITHIN = 200;
/** How often it strikes under the explorer, and accesses in between. */
const STRIKES = 6;
const BRIEF_TIMES = 12;

/** Linux: copy_from_user_nofault(), mm/maccess.c: with page faults disabled. What is there must lie in the first process's folio. */
function* readNofault(cpu: Cpu, k: Kernel, page: number): Op {
  const offset = page * k.space.granule.pageBytes;
  const { fault, pa } = yield* ldtr(cpu, USER_VA + offset);
  if (fault === 0 && pa !== folioPa(k, 0) + offset)
    cpu.observer.promiseBroken(cpu, USER_VA + offset, folioPa(k, 0) + offset, pa);
}

/** CPU 0 changes the process that it runs in, and is the one that is interrupted. */
const handler = (id: number): Softirq =>
  function* (cpu, k) {
    if (id === 0) for (const page of usedPages(k).slice(2, 5)) yield* readNofault(cpu, k, page);
  };

function* changer(cpu: Cpu, k: Kernel): Op {
  const changed = yield* startProcesses(cpu, k);
  for (let i = 0; i < CYCLES; i++)
    for (const change of [protectOne, cleanOne, protectAll]) {
      lineWithin(cpu, WITHIN);
      yield* change(cpu, k, changed);
    }
  yield* untilHandled(cpu);
}

function* briefChanger(cpu: Cpu, k: Kernel): Op {
  const changed = yield* startProcesses(cpu, k);
  yield* protectOne(cpu, k, changed);
  yield* protectAll(cpu, k, changed);
}

function* useAndStrike(cpu: Cpu, k: Kernel): Op {
  for (let time = 0; time < STRIKES; time++) {
    yield* user(1 + cpu.choose(BRIEF_TIMES, 'program'))(cpu, k);
    yield* raiseLine(cpu, k, 0);
  }
}

const briefly = (id: number): Program => (id === 0 ? briefChanger : id === 1 ? useAndStrike : user(BRIEF_TIMES));

const race: Pick<Scenario, 'board' | 'programs' | 'briefPrograms' | 'irq'> = {
  board: ableBlock,
  programs: (cpu) => sequence(cpu === 0 ? changer : user(TIMES), checkLinearMap),
  briefPrograms: (cpu) => sequence(briefly(cpu), briefWork),
  irq: handler,
};

export const interruptedContpte = defineScenario({
  ...race,
  name: 'interrupted-contpte',
  summary:
    'pages become a contiguous group and fall apart, and the handler of a device reads the process in the middle of it',
});

export const handlerFaultsIn = defineScenario({
  ...race,
  name: 'interrupted-contpte/handler-handles-fault',
  summary:
    "the handler's fault is handled like any other: it wants the page-table lock, which the interrupted task has",
  expect: 'lock-order',
  irq: (id) =>
    function* (cpu, k) {
      if (id !== 0 || cpu.regime0?.root === k.symbols.reservedPgDir) return; // it runs in no process yet
      const mm = yield* mmNumber(cpu, k, 0);
      for (const page of usedPages(k).slice(2, 5)) yield* readPage(cpu, k, mm, 0, page);
    },
});

export const interruptedContpteScenarios: readonly Scenario[] = [interruptedContpte, handlerFaultsIn];
