import type { Cpu } from '../../hardware/cpu.ts';
import { dsb } from '../../hardware/instruction/barrier.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { wfi } from '../../hardware/instruction/wait.ts';
import { armTimer, IRQ_TIMER, interruptDue } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { freePagesPrepare, postAllocHook } from '../../kernel/linear-map/debug-pagealloc.ts';
import { setMemoryValid } from '../../kernel/linear-map/pageattr.ts';
import { inInterrupt } from '../../kernel/locking/preempt.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from '../../kernel/tables/lazy-mmu.ts';
import { PTE_PRESENT_INVALID, PTE_VALID } from '../../kernel/tables/pgtable-prot.ts';
import { walkKernelPageTableRangeLockless } from '../../kernel/tables/walk-range.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { armMeeting, meet } from '../staging/meeting.ts';
import { ablePair } from './able-pair.ts';

/**
 * With debug_pagealloc an allocation changes the linear map. Here it does in the middle of a section of lazy MMU mode, as when
 * zap_pte_range() or kasan_populate_vmalloc() takes a page, and in softirqs on top of that.
 */

/** CPUs with pages of their own, four each: two that are mapped together, one that the task takes, one for softirqs. */
const BUSY_CPUS = 4;
const CYCLES = 8;
const WITHIN = 100;

const ownPage = (k: Kernel, id: number, page: number): number =>
  physToVirt(k.space, moduleArea(k).pa + (4 * id + page) * k.space.granule.pageBytes);

const softirq = (id: number): Softirq =>
  function* (cpu, k) {
    if (id >= BUSY_CPUS || !k.config.debugPagealloc) return;
    yield* freePagesPrepare(cpu, k, ownPage(k, id, 3), 1);
    yield* postAllocHook(cpu, k, ownPage(k, id, 3), 1);
  };

/** Two pages are taken away, and come back in one section, in which a page that was free is allocated. */
function* mapWhileAllocating(cpu: Cpu, k: Kernel): Op {
  if (!canSetDirectMap(k.config) || cpu.id >= BUSY_CPUS) return;
  const { pageBytes } = k.space.granule;
  const va = ownPage(k, cpu.id, 0);
  if ((yield* setMemoryValid(cpu, k, va, 2, false)) !== 0) return;
  yield* freePagesPrepare(cpu, k, ownPage(k, cpu.id, 2), 1);
  enterLazyMmuMode(k);
  yield* walkKernelPageTableRangeLockless(cpu, k, va, va + 2 * pageBytes, {
    *blockEntry() {
      return 0;
    },
    *pteEntry({ entry, value, va: here }) {
      yield* setEntry(cpu, k, entry, (value & ~PTE_PRESENT_INVALID) | PTE_VALID);
      if (here === va) yield* postAllocHook(cpu, k, ownPage(k, cpu.id, 2), 1);
      return 0;
    },
  });
  yield* leaveLazyMmuMode(cpu, k);
  for (let page = 0; page < 2; page++) yield* load(cpu, va + page * pageBytes);
}

/** Nobody reads what others take away: all wait until everything is mapped again. */
const onThreads: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  for (let i = 0; i < CYCLES; i++) {
    armTimer(cpu, WITHIN);
    yield* mapWhileAllocating(cpu, k);
  }
  while (interruptDue(cpu)) yield* wfi(cpu, 'its timer');
  yield* meet(cpu);
  yield* (cpu.id === 0 ? checkLinearMap : briefWork)(cpu, k);
};

const brief = (id: number): Program =>
  function* (cpu, k) {
    if (id === 0 && k.board.cpus.length > 1) yield* sendIpi(cpu, 1, IRQ_TIMER);
    if (id === 1 || id === 2) yield* mapWhileAllocating(cpu, k);
    yield* briefWork(cpu, k);
  };

const race: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'softirq'> = {
  board: ablePair,
  kernel: { debugPagealloc: true, revision: '7.1' },
  programs: () => onThreads,
  briefPrograms: brief,
  softirq,
};

export const debugPagealloc = defineScenario({
  name: 'debug-pagealloc',
  summary: 'with debug_pagealloc pages are allocated in a section of lazy MMU mode, and in softirqs on top of it',
  ...race,
});

/** Sections are counted, and the inner one leaves what is due to the outer: the allocator's page is not there yet. */
export const innerLeaveDefers = defineScenario({
  ...race,
  name: 'debug-pagealloc/inner-leave-defers',
  summary:
    'the end of a section of lazy MMU mode inside another emits no barrier: who mapped a page there cannot use it',
  expect: 'promise',
  text: (good) => ({
    ...good,
    lazyMmu: {
      ...good.lazyMmu,
      *leave(cpu, k) {
        if (inInterrupt(k) || k.percpu.lazyMmuDepth === 0) yield* good.lazyMmu.leave(cpu, k);
      },
    },
  }),
});

/** Linux from 24fe1b0efad4 until d0b7a302d58a, which reverts it. */
export const noPteIsb = defineScenario({
  ...race,
  name: 'debug-pagealloc/no-pte-isb',
  summary: 'a DSB and no ISB after an entry has become valid: an access may have been translated before the DSB',
  expect: 'promise',
  text: (good) => ({
    ...good,
    lazyMmu: {
      ...good.lazyMmu,
      *emit(cpu) {
        yield* dsb(cpu, 'ishst');
      },
    },
  }),
});
