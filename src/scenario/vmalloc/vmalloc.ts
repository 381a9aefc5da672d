import { RIGHT_EL1_READ } from '../../arch/permission.ts';
import { encodeVaOperand } from '../../arch/tlbi-operand.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { derivedValue } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { translate } from '../../hardware/translation/access.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_KERNEL } from '../../kernel/tables/pgtable-prot.ts';
import { contPteBytes } from '../../kernel/tables/set-huge-pte.ts';
import { giveBackVmapAreas, VM_ALLOW_HUGE_VMAP, type VmStruct, vmAreaStart } from '../../kernel/vmalloc/vm-area.ts';
import { vfree, vmalloc, vmUnmapAliases } from '../../kernel/vmalloc/vmalloc.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { awaitTurn, awaitUses, handOver, haveUsed } from '../staging/handover.ts';
import { areaRam, fourBlocks } from './area-ram.ts';

/**
 * The same addresses are mapped in one size after the other, each time used by all CPUs, unmapped, and flushed before they are
 * given out again. Where a block comes after pages, the table that they needed is still there, empty, and is freed.
 */

/** What is mapped in one turn: as many areas alike, from the first window on. */
interface Turn {
  readonly areas: number;
  readonly pa: number;
  readonly bytes: number;
}

/** One after the other. Hardware may forget a table by itself, but hardly several. */
function turns(k: Kernel): Turn[] {
  const { block, group, pages } = areaRam(k);
  const { pageBytes } = k.space.granule;
  return [
    { areas: 1, pa: group, bytes: contPteBytes(k) },
    { areas: 4, pa: pages, bytes: pageBytes },
    { areas: 4, ...block },
    { areas: 1, pa: pages, bytes: 3 * pageBytes },
  ];
}

function* mapInTurns(cpu: Cpu, k: Kernel): Op {
  for (const [i, { areas, pa, bytes }] of turns(k).entries()) {
    const mapped: VmStruct[] = [];
    for (let n = 0; n < areas; n++) {
      const area = yield* vmalloc(cpu, k, { pa, bytes, prot: PAGE_KERNEL, flags: VM_ALLOW_HUGE_VMAP });
      if (area !== undefined) mapped.push(area);
    }
    yield* handOver(cpu, k, i + 1, mapped.length);
    yield* awaitUses(cpu, k, i + 1);
    for (const { addr } of mapped) yield* vfree(cpu, k, addr);
    yield* vmUnmapAliases(cpu, k);
  }
  yield* briefWork(cpu, k);
}

function* useInTurns(cpu: Cpu, k: Kernel): Op {
  const { pageBytes } = k.space.granule;
  for (const [i, { pa, bytes }] of turns(k).entries()) {
    const mapped = yield* awaitTurn(cpu, k, i + 1);
    const offsets = bytes === pageBytes ? [0] : [0, pageBytes, bytes - pageBytes];
    const astray: Astray[] = [];
    for (let n = 0; n < mapped; n++)
      for (const at of offsets) astray.push(...(yield* readExpecting(cpu, vmAreaStart(k.space, n) + at, pa + at)));
    yield* haveUsed(cpu, k); // has a step of its own in the trace, as what stands first in a report should
    for (const { va, expected, found } of astray) cpu.observer.promiseBroken(cpu, va, expected, found);
  }
  yield* briefWork(cpu, k);
}

/** A load that came to another physical address than it should. */
interface Astray {
  readonly va: number;
  readonly expected: number;
  readonly found: number;
}

/** A load from `va`, which has to come to `expected`. */
function* readExpecting(cpu: Cpu, va: number, expected: number): Op<Astray[]> {
  if ((yield* load(cpu, va)) === derivedValue(expected)) return [];
  return [{ va, expected, found: translate(cpu, va, RIGHT_EL1_READ) }];
}

const inTurns: Pick<Scenario, 'programs' | 'board'> = {
  board: fourBlocks,
  programs: (cpu) => (cpu === 0 ? mapInTurns : useInTurns),
};

export const vmallocInTurns = defineScenario({
  name: 'vmalloc',
  summary:
    'the same addresses are mapped with contiguous pages, pages, blocks and pages again, used by all, flushed in between',
  ...inTurns,
});

/** One sentence replaced. */
function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ ...inTurns, ...definition, name: `vmalloc/${definition.name}` });
}

export const tableStaysInWalkCaches = twin({
  name: 'walk-cache-not-flushed',
  summary: 'the table that a block replaces is flushed as a leaf is: walk caches go on leading to it',
  expect: 'table-lifetime',
  text: (good) => ({
    ...good,
    tableFree: {
      ...good.tableFree,
      *flush(cpu, va) {
        yield* dsb(cpu, 'ishst');
        yield* tlbi(cpu, 'vaale1is', encodeVaOperand(va));
        yield* dsb(cpu, 'ish');
        yield* isb(cpu);
      },
    },
  }),
});

export const purgeWithoutFlush = twin({
  name: 'purge-without-flush',
  summary: 'addresses that were freed are given out again as if they had been flushed',
  expect: 'stale',
  text: (good) => ({ ...good, vmalloc: { ...good.vmalloc, *purgeFlush() {} } }),
});

export const reusedBeforePurge = twin({
  name: 'reused-before-purge',
  summary: 'an area that was unmapped is given out again at once, and not after the purge that flushes it',
  expect: 'bbm',
  text: (good) => ({
    ...good,
    vmalloc: {
      ...good.vmalloc,
      *free(cpu, k, { slot }) {
        yield* giveBackVmapAreas(cpu, k, [slot]);
      },
    },
  }),
});

export const vmallocTwins: readonly Scenario[] = [tableStaysInWalkCaches, purgeWithoutFlush, reusedBeforePurge];
