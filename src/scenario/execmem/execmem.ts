import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { storeWord } from '../../hardware/instruction/code-page.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import type { EarlyText } from '../../kernel/boot/early.ts';
import { ENOMEM } from '../../kernel/errno.ts';
import { CODE, execmemRestoreRox, executeCode, writeCode } from '../../kernel/execmem/execmem.ts';
import { execmemAllocRw, execmemFree } from '../../kernel/execmem/execmem-alloc.ts';
import { runExecmemWork } from '../../kernel/execmem/execmem-cache.ts';
import { allocExecmemPages, freeExecmemPages } from '../../kernel/execmem/execmem-ram.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { panic } from '../../kernel/repaint/repaint.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';

/**
 * Modules come and go. One is loaded at boot and executed by all CPUs to the end; others are loaded beside it, in the same block:
 * allocated writable, written, made read-only and executable, executed and freed. When the last CPU has done its part everything
 * goes back, and its pages are somebody else's to write to. Memory is short once, and what is given back then waits.
 */

const oneBlock = boardPresets.get('one-block')!;
const [bank, block] = oneBlock.memory;

/** A tiny kernel, one block for its tables, and one that may become code. */
const twoBlocks: Board['memory'] = [bank!, { base: block!.base, bytes: 2 * block!.bytes }];

export const codeBlock: Board = {
  ...oneBlock,
  name: 'code-block',
  summary: 'four CPUs with BBML2 and tiny TLBs, a tiny kernel and two 2M blocks: one of them may become code',
  memory: twoBlocks,
  cpus: Array.from({ length: 4 }, () => oneBlock.cpus[0]!),
};

/** The same with a CPU that cannot bear a block that changes its size. */
export const codeBlockMixed: Board = {
  ...oneBlock,
  name: 'code-block-mixed',
  summary: 'one CPU of each kind, a tiny kernel and two 2M blocks: one of them may become code',
  memory: twoBlocks,
};

/** CPUs that load modules; all others execute. */
const LOADERS = 2;
const CYCLES = 2;
/** Modules at boot have one page, later ones two. */
const MODULE_PAGES = 2;

/** Words of the scenario's page. */
export const wordOf = (k: Kernel, index: number): number => k.symbols.scenarioPage + 64 * index;
const NEIGHBOUR = 0;
const DONE = 1;
const SHORT = 2;

/** Executes a page, which has code in it: a trapping instruction is the end of the kernel (BRK, and panic_on_oops). */
function* execute(cpu: Cpu, k: Kernel, va: number): Op {
  if ((yield* executeCode(cpu, k, va)) !== CODE) yield* panic(cpu, k, 'Oops - BRK: Fatal exception');
}

/** The address of `pages` with code in them, read-only and executable; -ENOMEM. */
export function* loadModule(cpu: Cpu, k: Kernel, pages: number): Op<number> {
  const { pageBytes } = k.space.granule;
  const va = yield* execmemAllocRw(cpu, k, pages * pageBytes);
  if (va === -ENOMEM) return va;
  for (let i = 0; i < pages; i++) yield* writeCode(cpu, k, va + i * pageBytes);
  if ((yield* execmemRestoreRox(cpu, k, va, pages)) === 0) return va;
  yield* execmemFree(cpu, k, va);
  return -ENOMEM;
}

/** At boot: the module that stays. */
export function bootModule(pages: (k: Kernel) => number): EarlyText['work'] {
  return function* (cpu, k, stage) {
    if (stage !== 'do_initcalls') return;
    const va = yield* loadModule(cpu, k, pages(k));
    if (va !== -ENOMEM) yield* store(cpu, wordOf(k, NEIGHBOUR), BigInt.asUintN(64, BigInt(va)));
  };
}

export const withBootModule = (good: KernelText): KernelText => ({ ...good, early: { work: bootModule(() => 1) } });

/** The first time that something is given back while the system runs, there is no memory to note that it is free. */
export function memoryShort(good: KernelText): KernelText {
  const { execmem } = good;
  return withBootModule({
    ...good,
    execmem: {
      ...execmem,
      *addFree(cpu, k, start, bytes) {
        const runs = (yield* load(cpu, k.symbols.variables.system_state)) !== 0n;
        if (runs && (yield* loadAdd(cpu, wordOf(k, SHORT), 1n)) === 0n) return -ENOMEM;
        return yield* execmem.addFree(cpu, k, start, bytes);
      },
    },
  });
}

/** Where the module of the boot is; 0: there was no memory for it. */
function* neighbour(cpu: Cpu, k: Kernel): Op<number> {
  return Number(BigInt.asIntN(64, yield* load(cpu, wordOf(k, NEIGHBOUR))));
}

export function* executeNeighbour(cpu: Cpu, k: Kernel): Op {
  const va = yield* neighbour(cpu, k);
  if (va !== 0) yield* execute(cpu, k, va);
}

/** While it is written to, another becomes executable beside it: a kprobe, say. */
function* loadAndUnload(cpu: Cpu, k: Kernel): Op {
  const { pageBytes } = k.space.granule;
  const va = yield* execmemAllocRw(cpu, k, MODULE_PAGES * pageBytes);
  if (va === -ENOMEM) return;
  const probe = yield* loadModule(cpu, k, 1);
  for (let i = 0; i < MODULE_PAGES; i++) yield* writeCode(cpu, k, va + i * pageBytes);
  if ((yield* execmemRestoreRox(cpu, k, va, MODULE_PAGES)) === 0) yield* execute(cpu, k, va + pageBytes);
  if (probe !== -ENOMEM) yield* execmemFree(cpu, k, probe);
  yield* execmemFree(cpu, k, va);
}

/** Whoever is last cleans up. The pages have another owner then, who writes to them where they lie in the linear map. */
export function* leave(cpu: Cpu, k: Kernel): Op {
  const { cpus, lateCpus } = k.board;
  const others = yield* loadAdd(cpu, wordOf(k, DONE), 1n);
  if (others + 1n < BigInt(cpus.length - lateCpus.length)) return;
  const va = yield* neighbour(cpu, k);
  if (va !== 0) yield* execmemFree(cpu, k, va);
  yield* runExecmemWork(cpu, k);
  const { pageBytes } = k.space.granule;
  const pa = yield* allocExecmemPages(cpu, k, pageBytes);
  if (pa === -ENOMEM) return; // somebody has it still
  yield* storeWord(cpu, physToVirt(k.space, pa), 1n, k.execmemRam!);
  yield* freeExecmemPages(cpu, k, pa, pageBytes);
}

/** What CPU `id` does before it leaves: a late one nothing, for nobody counts on it. */
export const working = (work: (cpu: Cpu, k: Kernel) => Op): Program =>
  function* (cpu, k) {
    mark(cpu, 'work.started');
    if (!k.board.lateCpus.includes(cpu.id)) {
      yield* work(cpu, k);
      yield* leave(cpu, k);
    }
    mark(cpu, 'work.finished');
  };

const program = (id: number, cycles: number): Program =>
  working(function* (cpu, k) {
    for (let i = 0; i < cycles; i++) {
      yield* executeNeighbour(cpu, k);
      if (id < LOADERS) yield* loadAndUnload(cpu, k);
      yield* executeNeighbour(cpu, k);
    }
  });

/** All that the scenarios have in common but for what befalls them. */
export const modules: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'exploredOnceBooted'> = {
  exploredOnceBooted: true,
  board: codeBlock,
  kernel: { revision: 'rox-rfc' },
  programs: (cpu) => program(cpu, CYCLES),
  briefPrograms: (cpu) => program(cpu, 1),
};

export const execmem = defineScenario({
  name: 'execmem',
  summary:
    'modules are loaded and freed in slices of one read-only block, while other CPUs execute what lies beside them',
  ...modules,
  circumstances: memoryShort,
});
