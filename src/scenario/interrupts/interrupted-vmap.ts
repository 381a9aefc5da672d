import type { Board } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { PAGE_KERNEL } from '../../kernel/tables/pgtable-prot.ts';
import { contPteBytes } from '../../kernel/tables/set-huge-pte.ts';
import { setMemoryRox } from '../../kernel/vmalloc/set-memory.ts';
import { VM_ALLOW_HUGE_VMAP, VM_FLUSH_RESET_PERMS } from '../../kernel/vmalloc/vm-area.ts';
import { vfree, vmalloc, vmUnmapAliases } from '../../kernel/vmalloc/vmalloc.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { armMeeting, meet } from '../staging/meeting.ts';
import { areaRam, fourBlocks } from '../vmalloc/area-ram.ts';
import { exchangeBuffer, lineWithin, raiseLine, untilHandled } from './device.ts';

/**
 * Two CPUs map and unmap at the same time, and a device interrupts them at it. The handler reads an area of its CPU's own that has
 * been mapped before, and takes a page of KFENCE's out of the linear map and puts it back.
 */

const ableBlocks: Board = {
  ...fourBlocks,
  name: 'able-blocks',
  summary: 'three CPUs with BBML2 and tiny TLBs, a tiny kernel and four 2M blocks',
  cpus: Array.from({ length: 3 }, () => fourBlocks.cpus[0]!),
};

const isMapper = (id: number): boolean => id === 1 || id === 2;
const CYCLES = 8;
/** Instructions within which the device strikes on threads. */
const WITHIN = 300;
/** How often it strikes under the explorer, and what is read in between. */
const STRIKES = 8;
const READS = 30;

/** Where the area of CPU `id` begins that its handler may read; 0: there is none. */
const ownArea = ({ symbols }: Kernel, id: number): number => symbols.scenarioPage + 64 * id;

const handler = (id: number): Softirq =>
  function* (cpu, k) {
    if (!isMapper(id)) return;
    const va = Number(BigInt.asIntN(64, yield* load(cpu, ownArea(k, id))));
    if (va !== 0) yield* load(cpu, va);
    if (cpu.choose(2, 'program') === 0) yield* exchangeBuffer(cpu, k, id);
  };

/** Mapped in pages, used by the handler, and unmapped again; what is mapped in between lies beside it. */
function* mapAndUnmap(cpu: Cpu, k: Kernel): Op {
  const { pageBytes } = k.space.granule;
  const pa = areaRam(k).pages + 4 * (cpu.id - 1) * pageBytes;
  const area = yield* vmalloc(cpu, k, { pa, bytes: pageBytes, prot: PAGE_KERNEL });
  if (area === undefined) return;
  yield* store(cpu, ownArea(k, cpu.id), BigInt.asUintN(64, BigInt(area.addr)));
  yield* cpu.id === 1 ? mapHuge(cpu, k) : mapCode(cpu, k, pa + pageBytes);
  yield* store(cpu, ownArea(k, cpu.id), 0n);
  yield* vfree(cpu, k, area.addr);
  yield* vmUnmapAliases(cpu, k);
}

/** A contiguous group, and a block where the group's table was. */
function* mapHuge(cpu: Cpu, k: Kernel): Op {
  const { block, group } = areaRam(k);
  for (const { pa, bytes } of [{ pa: group, bytes: contPteBytes(k) }, block]) {
    const area = yield* vmalloc(cpu, k, { pa, bytes, prot: PAGE_KERNEL, flags: VM_ALLOW_HUGE_VMAP });
    if (area === undefined) continue;
    yield* load(cpu, area.addr + bytes / 2);
    yield* vfree(cpu, k, area.addr);
    yield* vmUnmapAliases(cpu, k);
  }
}

/** Two pages of code, whose linear aliases are read-only as long as they are there. */
function* mapCode(cpu: Cpu, k: Kernel, pa: number): Op {
  if (!canSetDirectMap(k.config)) return;
  const bytes = 2 * k.space.granule.pageBytes;
  const area = yield* vmalloc(cpu, k, { pa, bytes, prot: PAGE_KERNEL, flags: VM_FLUSH_RESET_PERMS });
  if (area === undefined) return;
  if ((yield* setMemoryRox(cpu, k, area.addr, 2)) === 0) yield* load(cpu, area.addr);
  yield* vfree(cpu, k, area.addr);
}

/** A linear alias that nobody takes away. */
function* readAlias(cpu: Cpu, k: Kernel): Op {
  yield* load(cpu, physToVirt(k.space, areaRam(k).pages + 12 * k.space.granule.pageBytes));
}

const onThreads: Program = function* (cpu, k) {
  armMeeting(cpu, k, Infinity);
  for (let i = 0; i < CYCLES; i++)
    if (isMapper(cpu.id)) {
      lineWithin(cpu, WITHIN);
      yield* mapAndUnmap(cpu, k);
    } else yield* readAlias(cpu, k);
  yield* untilHandled(cpu);
  yield* meet(cpu);
  yield* (cpu.id === 0 ? checkLinearMap : briefWork)(cpu, k);
};

const brief = (id: number): Program =>
  function* (cpu, k) {
    if (isMapper(id)) yield* mapAndUnmap(cpu, k);
    else
      for (let time = 0; time < STRIKES; time++) {
        for (let reads = cpu.choose(READS, 'program'); reads >= 0; reads--) yield* readAlias(cpu, k);
        yield* raiseLine(cpu, k, 1 + (time % 2));
      }
    yield* briefWork(cpu, k);
  };

const race: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'irq'> = {
  board: ableBlocks,
  kernel: { kfence: 'early', revision: '7.1' },
  programs: () => onThreads,
  briefPrograms: brief,
  irq: handler,
};

export const interruptedVmap = defineScenario({
  ...race,
  name: 'interrupted-vmap',
  summary: 'two CPUs map and unmap pages, groups, blocks and code while a device interrupts them at it',
});

export const handlerPurges = defineScenario({
  ...race,
  name: 'interrupted-vmap/handler-purges',
  summary:
    'the handler wants addresses flushed that were freed: it would have to wait for vmap_purge_lock, and may not sleep',
  expect: 'context',
  irq: (id) =>
    function* (cpu, k) {
      if (isMapper(id)) yield* vmUnmapAliases(cpu, k);
    },
});

export const interruptedVmapScenarios: readonly Scenario[] = [interruptedVmap, handlerPurges];
