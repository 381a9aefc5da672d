import type { Cpu } from '../../hardware/cpu.ts';
import { branchTo } from '../../hardware/instruction/branch.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { execmemForceRw, execmemRestoreRox } from '../../kernel/execmem/execmem.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_KERNEL } from '../../kernel/tables/pgtable-prot.ts';
import { contPteBytes } from '../../kernel/tables/set-huge-pte.ts';
import { localFlushTlbAll } from '../../kernel/tables/tlbflush.ts';
import { setMemoryRo, setMemoryRox, setMemoryRw } from '../../kernel/vmalloc/set-memory.ts';
import {
  findVmArea,
  VM_ALLOW_HUGE_VMAP,
  VM_FLUSH_RESET_PERMS,
  type VmStruct,
  vmAreaStart,
} from '../../kernel/vmalloc/vm-area.ts';
import { type VmallocRequest, vfree, vmalloc } from '../../kernel/vmalloc/vmalloc.ts';
import { briefWork } from '../brief-work.ts';
import { besides, busy } from '../busy/busy.ts';
import { defineScenario, type Program } from '../scenario.ts';
import { awaitTurn, awaitUses, handOver, haveUsed, workUntil } from '../staging/handover.ts';
import { areaRam, fourBlocks } from './area-ram.ts';

/**
 * Pages of code are written while nobody can execute them, and executed while nobody can write to them, here and where else
 * they are mapped. CPU 0 makes and changes them, all others use them, turn after turn.
 */

/** One turn: what CPU 0 does up to the hand-over and after it, and what the others do with the area. */
export interface Turn {
  readonly make: (cpu: Cpu, k: Kernel) => Op<VmStruct | undefined>;
  readonly meanwhile?: (cpu: Cpu, k: Kernel, area: VmStruct) => Op;
  readonly use: (cpu: Cpu, k: Kernel, va: number) => Op;
  /** When all others are done with it. */
  readonly after?: (cpu: Cpu, k: Kernel, area: VmStruct) => Op;
}

const MODULE_PAGES = 4;

function* execute(cpu: Cpu, k: Kernel, va: number, pages: number): Op {
  for (let page = 0; page < pages; page++) yield* branchTo(cpu, va + page * k.space.granule.pageBytes);
}

/** A kprobe is placed, and stays. */
export const kprobe: Turn = {
  make: (cpu, k) => k.text.kprobes.allocInsnPage(cpu, k, areaRam(k).pages),
  *use(cpu, k, va) {
    yield* execute(cpu, k, va, 1);
    yield* load(cpu, va);
  },
};

/** Code of the kernel's own: an area of so many pages, which nobody can write to any more. */
function* loadModule(cpu: Cpu, k: Kernel, firstPage: number, pages: number, flags: number): Op<VmStruct | undefined> {
  const { pageBytes } = k.space.granule;
  const pa = areaRam(k).pages + firstPage * pageBytes;
  const area = yield* vmalloc(cpu, k, { pa, bytes: pages * pageBytes, prot: PAGE_KERNEL, flags });
  if (area === undefined || (yield* setMemoryRox(cpu, k, area.addr, pages)) === 0) return area;
  yield* vfree(cpu, k, area.addr);
  return undefined;
}

/** A module is loaded, stays, and while it runs two pages of it are written to. */
export const module: Turn = {
  make: (cpu, k) => loadModule(cpu, k, 1, MODULE_PAGES, 0),
  *meanwhile(cpu, k, { addr }) {
    const slice = addr + k.space.granule.pageBytes;
    if ((yield* execmemForceRw(cpu, k, slice, 2)) === 0) yield* execmemRestoreRox(cpu, k, slice, 2);
  },
  *use(cpu, k, va) {
    yield* execute(cpu, k, va, 1); // what is next to it can be read all the time, but not executed
    yield* load(cpu, va + k.space.granule.pageBytes);
  },
};

/** ... and all of it is executed, as it is now. */
const patchedModule: Turn = {
  make: (cpu, k) => findVmArea(cpu, k, vmAreaStart(k.space, 1)), // behind the kprobe's
  use: (cpu, k, va) => execute(cpu, k, va, MODULE_PAGES),
};

/** A module is loaded and goes again. */
const visitor: Turn = {
  make: (cpu, k) => loadModule(cpu, k, 1 + MODULE_PAGES, 1, VM_FLUSH_RESET_PERMS),
  use: (cpu, k, va) => execute(cpu, k, va, 1),
  *after(cpu, k, { addr }) {
    yield* vfree(cpu, k, addr);
  },
};

/** A part of an area that may be mapped huge is to be read-only for a while. Mostly that is refused. */
function* changePart(
  cpu: Cpu,
  k: Kernel,
  request: Pick<VmallocRequest, 'pa' | 'bytes'>,
  first: number,
  pages: number,
): Op<VmStruct | undefined> {
  const area = yield* vmalloc(cpu, k, { ...request, prot: PAGE_KERNEL, flags: VM_ALLOW_HUGE_VMAP });
  if (area === undefined) return undefined;
  const va = area.addr + first * k.space.granule.pageBytes;
  if ((yield* setMemoryRo(cpu, k, va, pages)) === 0) yield* setMemoryRw(cpu, k, va, pages);
  return area;
}

/** The page of a contiguous group that is to change. */
const MEMBER = 3;

/**
 * It and others of its group, by turns; in between the CPU forgets all translations, for where it holds the whole group already it
 * never looks for the member's own entry.
 */
function* readGroup(cpu: Cpu, k: Kernel, va: number): Op {
  const { pageBytes } = k.space.granule;
  for (let round = 0; round < 6; round++) {
    for (const page of [MEMBER, 4, MEMBER, 15, MEMBER]) yield* load(cpu, va + page * pageBytes);
    yield* localFlushTlbAll(cpu);
  }
}

function* freeArea(cpu: Cpu, k: Kernel, { addr }: VmStruct): Op {
  yield* vfree(cpu, k, addr);
}

export const pageOfGroup: Turn = {
  make: (cpu, k) => changePart(cpu, k, { pa: areaRam(k).group, bytes: contPteBytes(k) }, MEMBER, 1),
  use: readGroup,
  after: freeArea,
};

export const partOfBlock: Turn = {
  make: (cpu, k) => changePart(cpu, k, areaRam(k).block, 0, 2),
  *use(cpu, _k, va) {
    yield* load(cpu, va);
  },
  after: freeArea,
};

/** The programs of all CPUs for these turns. `besides`: what whoever waits for a turn does in the meantime. */
export function inTurns(turns: readonly Turn[], besides?: (cpu: Cpu, k: Kernel) => Op): (cpu: number) => Program {
  return (id) =>
    function* (cpu, k) {
      for (const [i, turn] of turns.entries())
        if (id === 0) yield* makeTurn(cpu, k, turn, i + 1);
        else {
          if (besides !== undefined) yield* workUntil(cpu, k, i + 1, besides);
          yield* useTurn(cpu, k, turn, i + 1);
        }
      yield* briefWork(cpu, k);
    };
}

function* makeTurn(cpu: Cpu, k: Kernel, { make, meanwhile, after }: Turn, turn: number): Op {
  const area = yield* make(cpu, k);
  yield* handOver(cpu, k, turn, area?.addr ?? 0);
  if (area !== undefined && meanwhile !== undefined) yield* meanwhile(cpu, k, area);
  yield* awaitUses(cpu, k, turn);
  if (area !== undefined && after !== undefined) yield* after(cpu, k, area);
}

function* useTurn(cpu: Cpu, k: Kernel, { use }: Turn, turn: number): Op {
  const va = yield* awaitTurn(cpu, k, turn);
  if (va !== 0) yield* use(cpu, k, va);
  yield* haveUsed(cpu, k);
}

const turns: readonly Turn[] = [kprobe, module, patchedModule, visitor, pageOfGroup, partOfBlock];

export const setMemory = defineScenario({
  name: 'set-memory',
  summary:
    'code comes, is patched and goes, all CPUs execute it, and nobody can write to it; parts of huge areas stay as they are',
  board: fourBlocks,
  programs: inTurns(turns),
});

export const setMemoryBusy = busy(setMemory, { programs: inTurns(turns, besides) }, { strikes: 80 });
