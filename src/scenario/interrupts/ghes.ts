import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw, setMemoryValid } from '../../kernel/linear-map/pageattr.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { panic } from '../../kernel/repaint/repaint.ts';
import { clearFixmap, earlyFixmapInit, fixApeiGhesIrq, setFixmap } from '../../kernel/tables/fixmap.ts';
import { maybeNg, PAGE_KERNEL } from '../../kernel/tables/pgtable-prot.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { ableThree } from '../hotplug/able-pair.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { armMeeting, meet } from '../staging/meeting.ts';
import { lineWithin, raiseLine, untilHandled } from './device.ts';

/**
 * Firmware reports a hardware error by an interrupt, and leaves a record of it in memory. The handler maps that page through a slot of the
 * fixmap, reads it and takes it away again: an entry outside any section of lazy MMU mode, on top of a task that is in one. Linux:
 * ghes_copy_tofrom_phys(), drivers/acpi/apei/ghes.c. The interrupt goes to one CPU, so ghes_notify_lock_irq has nobody to keep out
 * and is left out.
 */

/** The CPU that the interrupt goes to. It and CPU 2 change pages of their own; all others read. */
const TARGET = 1;
const isChanger = (id: number): boolean => id === TARGET || id === 2;
const CYCLES = 32;
/** Errors under the explorer: all through a change. */
const ERRORS = 8;
const READS = 12;
/** Instructions within which an error comes on threads: about one change. */
const WITHIN = 90;

const pageAt = (k: Kernel, index: number): number => moduleArea(k).pa + index * k.space.granule.pageBytes;
const record = (k: Kernel): number => pageAt(k, moduleArea(k).pages - 1);
const ownPages = (k: Kernel, id: number): number => physToVirt(k.space, pageAt(k, 4 * id));

const handler = (id: number): Softirq =>
  function* (cpu, k) {
    if (id !== TARGET) return;
    const va = fixApeiGhesIrq(k.space);
    yield* setFixmap(cpu, k, va, record(k), maybeNg(k.config, PAGE_KERNEL));
    yield* load(cpu, va);
    yield* clearFixmap(cpu, k, va);
  };

/** Two pages become read-only and writable again, and then go and come back. */
function* change(cpu: Cpu, k: Kernel): Op {
  if (!canSetDirectMap(k.config)) return;
  const va = ownPages(k, cpu.id);
  mark(cpu, 'split.started');
  if ((yield* linearAliasRo(cpu, k, va, 2)) === 0) yield* linearAliasRw(cpu, k, va, 2);
  if ((yield* setMemoryValid(cpu, k, va, 2, false)) === 0 && (yield* setMemoryValid(cpu, k, va, 2, true)) === 0)
    yield* load(cpu, va);
  mark(cpu, 'split.finished');
}

/** The record itself, which is in the linear map as well. */
function* readRecord(cpu: Cpu, k: Kernel): Op {
  yield* load(cpu, physToVirt(k.space, record(k)));
}

const onThreads: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  yield* meet(cpu);
  for (let time = 0; time < CYCLES; time++) {
    if (cpu.id === TARGET) lineWithin(cpu, WITHIN);
    yield* (isChanger(cpu.id) ? change : readRecord)(cpu, k);
  }
  yield* untilHandled(cpu);
  yield* meet(cpu);
  yield* (cpu.id === 0 ? checkLinearMap : briefWork)(cpu, k);
};

const brief = (id: number): Program =>
  function* (cpu, k) {
    if (isChanger(id)) yield* change(cpu, k);
    else
      for (let time = 0; time < ERRORS; time++) {
        for (let reads = cpu.choose(READS, 'program'); reads >= 0; reads--) yield* readRecord(cpu, k);
        yield* raiseLine(cpu, k, TARGET);
      }
    yield* briefWork(cpu, k);
  };

const withSlot = (good: KernelText): KernelText => ({
  ...good,
  early: {
    *work(cpu, k, stage) {
      yield* good.early.work(cpu, k, stage);
      if (stage !== 'do_initcalls') return;
      if ((yield* earlyFixmapInit(cpu, k, fixApeiGhesIrq(k.space))) !== 0) yield* panic(cpu, k, 'no fixmap');
    },
  },
});

const race: Pick<
  Scenario,
  'board' | 'kernel' | 'programs' | 'briefPrograms' | 'irq' | 'circumstances' | 'exploredOnceBooted'
> = {
  board: ableThree,
  kernel: { revision: '7.1' },
  circumstances: withSlot,
  exploredOnceBooted: true,
  programs: () => onThreads,
  briefPrograms: brief,
  irq: handler,
};

export const ghes = defineScenario({
  ...race,
  name: 'ghes',
  summary: 'the record of a hardware error is read through the fixmap in the middle of changes of permissions',
});

/** Linux before b81c688426a9: the flag that a handler finds is the task's, and who has no section of his own there waits for its end. */
export const ghesInheritsLazyMode = defineScenario({
  ...race,
  name: 'ghes/lazy-mode-inherited',
  summary: "the barrier after the slot's entry waits for the end of the task's section: the record is not there yet",
  expect: 'spurious-fault',
  text: (good) => ({
    ...good,
    lazyMmu: {
      ...good.lazyMmu,
      waits: (k) => k.percpu.lazyMmu,
    },
  }),
});

export const ghesScenarios: readonly Scenario[] = [ghes, ghesInheritsLazyMode];
