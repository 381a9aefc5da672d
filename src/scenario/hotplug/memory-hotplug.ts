import { alignUp } from '../../arch/address.ts';
import { contiguousRun, levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { archAddMemory, archRemoveMemory, type MemoryHotplugText } from '../../kernel/linear-map/memory-hotplug.ts';
import { setEntry } from '../../kernel/tables/lazy-mmu.ts';
import { pgtableFree } from '../../kernel/tables/pgalloc.ts';
import { flushTlbKernelPgtable } from '../../kernel/tables/tlbflush.ts';
import { briefWork } from '../brief-work.ts';
import { besides, busy } from '../busy/busy.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { awaitTurn, awaitUses, handOver, hasBegun, haveUsed, workUntil } from '../staging/handover.ts';
import { reach, stageOf, until } from '../staging/stage.ts';
import { ablePair, ableThree } from './able-pair.ts';

/**
 * RAM is plugged in, everybody reads it, and it is taken away again, while the translations of it and the way to them are still in
 * everybody's TLBs and walk caches.
 */

interface Range {
  readonly pa: number;
  readonly bytes: number;
}

/** One contiguous group of blocks behind all other RAM, below a table of its own where the linear map has room for that. */
function pluggable({ board, space }: Kernel): Range {
  const { granule } = space;
  const bytes = levelBytes(granule, 2) * contiguousRun(granule, 2);
  const last = board.memory.at(-1)!;
  const places = [levelBytes(granule, 1), bytes].map((unit) => alignUp(last.base + last.bytes, unit));
  const physicalEnd = 2 ** Math.min(...board.cpus.map(({ features }) => features.paBits));
  const pa = places.find((at) => physToVirt(space, at) + bytes <= space.pageEnd && at + bytes <= physicalEnd);
  if (pa === undefined) throw new Error('the linear map has no room behind the RAM of this board');
  return { pa, bytes };
}

/** How often it comes and goes, and what the other CPUs do while it goes. */
interface Effort {
  readonly rounds: number;
  readonly meanwhile: (cpu: Cpu, k: Kernel, round: number) => Op;
}
const ON_THREADS: Effort = { rounds: 4, meanwhile: readUntilItIsGone };
const BRIEFLY: Effort = { rounds: 1, meanwhile: readOnce };

/** What is mapped as before: their walkers go where they like. */
function* readOnce(cpu: Cpu, k: Kernel): Op {
  yield* load(cpu, physToVirt(k.space, k.board.memory[0]!.base));
}

/** Loads of each CPU, and walks by itself in between, for which somebody may be held up. */
const WALKS = 2000;
const heldUp = (round: number): number => 2 * round - 1;
const letGo = (round: number): number => 2 * round;

function* readUntilItIsGone(cpu: Cpu, k: Kernel, round: number): Op {
  for (let walked = 0; !(yield* hasBegun(cpu, k, 2 * round)); ) {
    yield* readOnce(cpu, k);
    if (stageOf(cpu) === heldUp(round) && ++walked === WALKS) reach(cpu, letGo(round));
  }
}

type Removal = (cpu: Cpu, k: Kernel, range: Range) => Op;

/** Two turns a round: the memory is there, and the memory is gone. */
const plugAndUnplug = ({ rounds }: Effort, remove: Removal): Program =>
  function* (cpu, k) {
    const range = pluggable(k);
    for (let round = 1; round <= rounds; round++) {
      yield* archAddMemory(cpu, k, range.pa, range.bytes);
      yield* handOver(cpu, k, 2 * round - 1, round);
      yield* awaitUses(cpu, k, round);
      yield* remove(cpu, k, range);
      yield* handOver(cpu, k, 2 * round, round);
    }
  };

const readWhileItGoes = ({ rounds, meanwhile }: Effort): Program =>
  function* (cpu, k) {
    const { pa, bytes } = pluggable(k);
    for (let round = 1; round <= rounds; round++) {
      yield* awaitTurn(cpu, k, 2 * round - 1);
      for (const at of [pa, pa + bytes - 8]) yield* load(cpu, physToVirt(k.space, at));
      yield* haveUsed(cpu, k);
      yield* meanwhile(cpu, k, round);
      yield* awaitTurn(cpu, k, 2 * round);
    }
  };

function* removeAll(cpu: Cpu, k: Kernel, range: Range): Op {
  yield* removeAPart(cpu, k, range); // is refused; before 7.1 nobody asks, and it goes
  yield* archRemoveMemory(cpu, k, range.pa, range.bytes);
}

function* removeAPart(cpu: Cpu, k: Kernel, { pa, bytes }: Range): Op {
  yield* archRemoveMemory(cpu, k, pa, bytes / 4);
}

const programs = (effort: Effort, check: Program, remove: Removal) => (cpu: number) =>
  cpu === 0 ? sequence(plugAndUnplug(effort, remove), check) : sequence(readWhileItGoes(effort), briefWork);

const story: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms'> = {
  board: ablePair,
  kernel: { revision: '7.1' },
  programs: programs(ON_THREADS, checkLinearMap, removeAll),
  briefPrograms: programs(BRIEFLY, briefWork, removeAll),
};

export const memoryHotplug = defineScenario({
  name: 'memory-hotplug',
  summary: 'RAM is plugged in, read by all CPUs and taken away again with its tables; a part of a leaf is not',
  ...story,
});

const BUSILY: Effort = { rounds: 1, meanwhile: (cpu, k, round) => workUntil(cpu, k, 2 * round, besides) };

export const memoryHotplugBusy = busy(memoryHotplug, {
  board: ableThree,
  briefPrograms: programs(BUSILY, briefWork, removeAll),
});

function twin(definition: Omit<ScenarioDefinition, 'board' | 'text'>, change: Partial<MemoryHotplugText>): Scenario {
  return defineScenario({
    ...story,
    ...definition,
    name: `memory-hotplug/${definition.name}`,
    text: (good) => ({ ...good, memoryHotplug: { ...good.memoryHotplug, ...change } }),
  });
}

/** On threads whoever frees the table is held up behind that, until the others have walked for a while. */
export const tableFreedBeforeFlush = twin(
  {
    name: 'table-freed-before-flush',
    summary: 'a table of removed memory is given back before walk caches have forgotten the way to it',
    expect: 'table-lifetime',
  },
  {
    *freeTable(cpu, k, entry, va, table) {
      yield* setEntry(cpu, k, entry, 0n);
      pgtableFree(cpu, table);
      if (!cpu.controlled) yield* beHeldUp(cpu, yield* awaitTurn(cpu, k, 1));
      yield* flushTlbKernelPgtable(cpu, va);
    },
  },
);

function* beHeldUp(cpu: Cpu, round: number): Op {
  reach(cpu, heldUp(round));
  yield* until(cpu, letGo(round));
}

export const givenBackBeforeFlush = twin(
  {
    name: 'given-back-before-flush',
    summary: 'memory is given back while TLBs may still translate to it: the flush of the range is missing',
    expect: 'stale',
  },
  { *flush() {} },
);

/** Linux before 95a58852b0e5 (7.1). */
export const leafSplitByRemoval = twin(
  {
    name: 'part-of-a-leaf',
    summary: 'a quarter of a contiguous group is removed, and nobody asks whether that can go without the rest',
    expect: 'contiguous',
    programs: programs(BRIEFLY, briefWork, removeAPart),
    briefPrograms: programs(BRIEFLY, briefWork, removeAPart),
  },
  {
    *mayRemove() {
      return true;
    },
  },
);

export const memoryHotplugTwins: readonly Scenario[] = [
  tableFreedBeforeFlush,
  givenBackBeforeFlush,
  leafSplitByRemoval,
];
