import { alignUp } from '../../arch/address.ts';
import { batching } from '../../check/break-before-make/batching.ts';
import { type Board, GiB, MiB } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw, setMemoryValid } from '../../kernel/linear-map/pageattr.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import type { LazyMmuText } from '../../kernel/tables/lazy-mmu.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { largestFreeRam } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { armMeeting, meet } from '../staging/meeting.ts';
import { exchangeBuffer, lineWithin, raiseLine, untilHandled } from './device.ts';

/**
 * A gigabyte that is one block falls apart down to pages, in all the steps that there are, while a device interrupts whoever does it:
 * under pgtable_split_lock, in lazy MMU mode, between the table and its link. The handler reads what lies around, and frees and
 * allocates a buffer.
 */

const oneBlock = boardPresets.get('one-block')!;
const [bank] = oneBlock.memory;

/** Room for a block of level 1, and behind it for page tables and KFENCE's pool. */
export const gigabyte: Board = {
  ...oneBlock,
  name: 'able-gigabyte',
  summary: 'three CPUs with BBML2 and tiny TLBs, a tiny kernel, and one 1G block',
  memory: [bank!, { base: alignUp(bank!.base + bank!.bytes, GiB), bytes: GiB + 8 * MiB }],
  cpus: Array.from({ length: 3 }, () => oneBlock.cpus[0]!),
};

/** CPUs 1 and 2 change permissions, and are interrupted; CPU 0 and all others read. */
const isChanger = (id: number): boolean => id === 1 || id === 2;
const CYCLES = 32;
/** How often the device strikes under the explorer: all through a change. */
const STRIKES = 6;
/** And how often the others' pages are read in between, at most. */
const READS = 20;
/** Instructions within which the device strikes on threads: about one change. */
const WITHIN = 120;
/** Bytes between two pages that change: half a group of contiguous blocks. */
const APART = 16 * MiB;

/** A page of CPU `id`'s own, in the middle of everything that it lies in, another one each time where there is room. */
function pageOf(k: Kernel, id: number, time: number): number {
  const { pageBytes } = k.space.granule;
  const [from, to] = largestFreeRam(k);
  const places = Math.max(1, Math.floor((to - from) / APART) - 1);
  return physToVirt(k.space, from + ((2 * time + id) % places) * APART + (3 + 4 * id) * pageBytes);
}

/** What lies around a page: its neighbours, the edges of the table's span, and the other end of what was one block. */
function* readAround(cpu: Cpu, k: Kernel, id: number, time: number): Op {
  const { pageBytes } = k.space.granule;
  const page = pageOf(k, id, time);
  yield* load(cpu, page - pageBytes);
  yield* load(cpu, page + 2 * pageBytes);
  yield* load(cpu, pageOf(k, id, time + 1) - pageBytes);
}

const handler = (id: number): Softirq =>
  function* (cpu, k) {
    if (!isChanger(id)) return;
    yield* readAround(cpu, k, id, 0);
    if (!cpu.controlled || cpu.choose(2, 'program') === 0) yield* exchangeBuffer(cpu, k, id);
  };

/** A page becomes read-only and writable again, and then goes and comes back with its neighbour. */
function* change(cpu: Cpu, k: Kernel, time: number): Op {
  if (!canSetDirectMap(k.config)) return;
  const va = pageOf(k, cpu.id, time);
  mark(cpu, 'split.started');
  if ((yield* linearAliasRo(cpu, k, va, 1)) === 0) yield* linearAliasRw(cpu, k, va, 1);
  if ((yield* setMemoryValid(cpu, k, va, 2, false)) === 0 && (yield* setMemoryValid(cpu, k, va, 2, true)) === 0)
    yield* load(cpu, va);
  mark(cpu, 'split.finished');
}

/** Nobody reads what others take away: all wait until everything is mapped again. */
const onThreads: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  yield* meet(cpu);
  for (let time = 0; time < CYCLES; time++)
    if (isChanger(cpu.id)) {
      lineWithin(cpu, WITHIN);
      yield* change(cpu, k, time);
    } else yield* readAround(cpu, k, 1 + (time % 2), time);
  yield* untilHandled(cpu);
  yield* meet(cpu);
  yield* (cpu.id === 0 ? checkLinearMap : briefWork)(cpu, k);
};

const brief = (id: number): Program =>
  function* (cpu, k) {
    if (isChanger(id)) yield* change(cpu, k, 0);
    else
      for (let time = 0; time < STRIKES; time++) {
        for (let reads = cpu.choose(READS, 'program'); reads >= 0; reads--)
          yield* readAround(cpu, k, 1 + (reads % 2), 0);
        yield* raiseLine(cpu, k, 1 + (time % 2));
      }
    yield* briefWork(cpu, k);
  };

const race: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'irq'> = {
  board: gigabyte,
  kernel: { kfence: 'early', revision: '7.1' },
  programs: () => onThreads,
  briefPrograms: brief,
  irq: handler,
};

export const interruptedSplit = defineScenario({
  name: 'interrupted-split',
  summary:
    'a 1G block falls apart into pages while a device interrupts who does it: the handler reads it, and allocates',
  ...race,
});

function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ ...race, ...definition, name: `interrupted-split/${definition.name}` });
}

export const handlerSplits = twin({
  name: 'handler-splits',
  summary: 'the handler makes a page read-only itself: it would have to wait for pgtable_split_lock, and may not sleep',
  expect: 'context',
  irq: (id) =>
    function* (cpu, k) {
      if (isChanger(id) && canSetDirectMap(k.config)) yield* linearAliasRo(cpu, k, pageOf(k, id, 1), 1);
    },
});

/** Linux before b81c688426a9: TIF_LAZY_MMU is the task's. */
const lazyMmu =
  (change: Partial<LazyMmuText>) =>
  (good: KernelText): KernelText => ({ ...good, lazyMmu: { ...good.lazyMmu, ...change } });

export const lazyModeInherited = twin({
  name: 'lazy-mode-inherited',
  summary: 'the handler puts off the barrier after its entry because a split is under way underneath',
  expect: 'promise',
  text: lazyMmu({ waits: (k) => k.percpu.lazyMmu }),
});

/** Correct all the same: what comes after the handler is followed by barriers of its own. */
export const lazyModeCleared = twin({
  name: 'lazy-mode-cleared',
  summary:
    "the end of the handler's section ends the split's too: a barrier for each of the 512 entries, and nothing worse",
  expect: 'batching',
  properties: [batching],
  text: lazyMmu({
    *leave(cpu, k) {
      k.percpu.lazyMmu = false;
      if (k.percpu.lazyMmuPending) yield* k.text.lazyMmu.emit(cpu);
      k.percpu.lazyMmuPending = false;
    },
  }),
});

export const interruptedSplitTwins: readonly Scenario[] = [handlerSplits, lazyModeInherited, lazyModeCleared];
