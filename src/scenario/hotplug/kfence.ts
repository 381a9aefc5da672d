import type { Cpu } from '../../hardware/cpu.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { relaxWhile, wfi } from '../../hardware/instruction/wait.ts';
import { armTimer, IRQ_TIMER, interruptDue } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { systemSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import {
  kfenceEnabled,
  kfenceGuardedAlloc,
  kfenceGuardedFree,
  kfenceInit,
  kfenceObject,
} from '../../kernel/linear-map/kfence-core.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import type { LazyMmuText } from '../../kernel/tables/lazy-mmu.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { armMeeting, meet } from '../staging/meeting.ts';
import { ablePair } from './able-pair.ts';

/**
 * Interrupts that change page tables. KFENCE is enabled late, splits the block that its pages lie in, and from then on softirqs
 * take their object's page out of the linear map and put it back, on top of tasks that change permissions in lazy MMU mode.
 */

/** CPUs with an object and pages of their own; all others only read. */
const BUSY_CPUS = 4;
const CYCLES = 24;
/** Instructions within which a timer goes off on threads: about one change of permissions. */
const WITHIN = 60;

/** A softirq frees this CPU's object, and somebody is given it again. */
const softirq = (id: number): Softirq =>
  function* (cpu, k) {
    if (id >= BUSY_CPUS || !(yield* kfenceEnabled(cpu, k))) return;
    const object = kfenceObject(k, id);
    yield* kfenceGuardedFree(cpu, k, object);
    yield* kfenceGuardedAlloc(cpu, k, object);
  };

function* enable(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'split.started');
  yield* kfenceInit(cpu, k);
  mark(cpu, 'split.finished');
}

/** Two pages of this CPU's own become read-only and writable again: a lazy section each time. */
function* changeOwnPages(cpu: Cpu, k: Kernel): Op {
  const va = physToVirt(k.space, moduleArea(k).pa + (1 + 3 * cpu.id) * k.space.granule.pageBytes);
  if ((yield* linearAliasRo(cpu, k, va, 2)) === 0) yield* linearAliasRw(cpu, k, va, 2);
}

/** On threads every CPU is interrupted by its own timer, wherever that happens to be. */
function* beInterrupted(cpu: Cpu, k: Kernel): Op {
  if (cpu.id >= BUSY_CPUS || !canSetDirectMap(k.config)) return;
  for (let i = 0; i < CYCLES; i++) {
    armTimer(cpu, WITHIN);
    yield* changeOwnPages(cpu, k);
  }
  while (interruptDue(cpu)) yield* wfi(cpu, 'its timer');
}

/** Nobody reads what others change: all wait until KFENCE is there, and again until the last softirq is over. */
const onThreads: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  if (cpu.id === 0) yield* enable(cpu, k);
  yield* meet(cpu);
  yield* beInterrupted(cpu, k);
  yield* meet(cpu);
  yield* (cpu.id === 0 ? checkLinearMap : briefWork)(cpu, k);
};

/** For the explorer CPU 0 interrupts CPU 1, at any moment that it likes. */
const brief = (id: number): Program =>
  id === 0
    ? function* (cpu, k) {
        yield* enable(cpu, k);
        if (k.board.cpus.length > 1) yield* sendIpi(cpu, 1, IRQ_TIMER);
        yield* briefWork(cpu, k);
      }
    : function* (cpu, k) {
        if (id === 1) {
          yield* untilKfenceIsDecided(cpu, k);
          yield* changeOwnPages(cpu, k);
        }
        yield* briefWork(cpu, k);
      };

function* untilKfenceIsDecided(cpu: Cpu, k: Kernel): Op {
  const { kfence_enabled } = k.symbols.variables;
  while ((yield* load(cpu, kfence_enabled)) === 0n) yield* relaxWhile(cpu, kfence_enabled, 0n, 'KFENCE to be enabled');
}

const race: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'softirq'> = {
  board: ablePair,
  kernel: { kfence: 'late' },
  programs: () => onThreads,
  briefPrograms: brief,
  softirq,
};

export const kfence = defineScenario({
  name: 'kfence',
  summary: 'KFENCE is enabled late; softirqs then take pages away and put them back while tasks change permissions',
  ...race,
});

function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ ...race, ...definition, name: `kfence/${definition.name}` });
}

const lazyMmu =
  (change: Partial<LazyMmuText>) =>
  (good: KernelText): KernelText => ({ ...good, lazyMmu: { ...good.lazyMmu, ...change } });

/** Linux before ce2b3a50ad92 (6.18-rc). */
export const splitInSoftirq = twin({
  name: 'split-in-softirq',
  summary: 'split_kernel_leaf_mapping() takes its mutex for pages of KFENCE as well, which softirqs change',
  expect: 'context',
  text: (good) => ({
    ...good,
    split: {
      ...good.split,
      *filter(cpu, k) {
        return (yield* systemSupportsBbml2Noabort(cpu, k)) ? undefined : 0;
      },
    },
  }),
});

/** Half of what Linux was before b81c688426a9, for handlers that have a section of their own: the end of it emits nothing. */
export const interruptInheritsLazyMode = twin({
  name: 'interrupt-inherits-lazy-mode',
  summary: 'a softirq puts off the barrier after its entry because the task underneath is in lazy MMU mode',
  expect: 'promise',
  text: lazyMmu({ waits: (k) => k.percpu.lazyMmu }),
});

/** Linux before 7f0b1bf04511. */
export const noPteBarriers = twin({
  name: 'no-pte-barriers',
  summary: 'no DSB and no ISB after an entry has become valid: the walker does not see it yet',
  expect: 'promise',
  text: lazyMmu({ *emit() {} }),
});

export const kfenceTwins: readonly Scenario[] = [splitInSoftirq, interruptInheritsLazyMode, noPteBarriers];
