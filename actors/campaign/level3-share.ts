import { levelBytes } from '../../src/arch/granule.ts';
import { GiB } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { type Choose, seededChooser } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import type { Memory } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine } from '../../src/hardware/system.ts';
import { physToVirt, virtToPhys } from '../../src/kernel/address-space.ts';
import { boot, bringUp, loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { DEFAULT_CONFIG, type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { collapseLinearPmd } from '../../src/kernel/linear-map/collapse.ts';
import { linearAliasRo, linearAliasRw } from '../../src/kernel/linear-map/pageattr.ts';
import { forEachRun, kernelTree } from '../../src/kernel/ptdump/ptdump.ts';
import { kernelText } from '../../src/kernel/text.ts';

/**
 * How much of the linear map is at level 3 once modules are loaded, with and without the ROX cache (revision `rox-rfc`).
 *
 * The workload, all of it drawn from one seed and the same in every row: each module has 1 to 64 pages of text and 1 to 32 pages of
 * read-only data, each kind an allocation of its own, whose pages follow each other from a random page of RAM on. All become
 * read-only, and with rodata=full so do their linear aliases, page by page. The cache packs the texts of all modules into blocks of 2M
 * from random places and leaves the data where they are. Nothing is unloaded. What else makes single pages of the linear map read-only
 * or takes them away (BPF, KFENCE, guard pages) is left out, and so is memory that real kernels do not give out a page at a time.
 *
 * The linear aliases go through what set_memory_*() calls for them, and blocks through the kernel's own split and collapse;
 * the areas above the linear map are left out.
 */

/** Of the text of modules: each in an area of its own; in the cache; in a cache whose blocks are never put together again. */
export type CodeMemory = 'plain' | 'cache' | 'cache, not collapsed';

export interface Level3Share {
  /** Entries of level 3 that map RAM in the linear map, and the tables they lie in. */
  readonly entries: number;
  readonly tables: number;
  /** Of all RAM, the part that they map. */
  readonly share: number;
}

export const RAM_BYTES = 8 * GiB;
const MOST_TEXT_PAGES = 64;
const MOST_DATA_PAGES = 32;
const SEED = 1;

/** @throws when the kernel refuses a change, which on this board it never does. */
export function level3Share(modules: number, code: CodeMemory): Level3Share {
  const { cpu, k } = bootOne({ ...DEFAULT_CONFIG, revision: 'rox-rfc' });
  run(code === 'plain' ? loadPlain(cpu, k, modules) : loadCached(cpu, k, modules, code === 'cache'));
  return shareOf(cpu.memory, k);
}

/** One CPU with BBML2: who else is there does not matter to the tables. */
function bootOne(config: KernelConfig): { readonly cpu: Cpu; readonly k: Kernel } {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: RAM_BYTES });
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  const cpu = cpuOf(machine, 0, { choose: seededChooser(SEED), controlled: false });
  const k = createKernel(board, machine.layout, config, kernelText(config.revision));
  run(boot(cpu, k));
  run(bringUp(cpu, k));
  return { cpu, k };
}

function run(operation: Op): void {
  const { done, value } = operation.next();
  if (done !== true) throw new Error(`${value.kind}: ${value.reason}`);
}

/** What a module is made of, in pages, and where it is found: the same sequence for all. */
interface Module {
  readonly text: { readonly pages: number; readonly va: number };
  readonly data: { readonly pages: number; readonly va: number };
}

function* modulesOf(k: Kernel, count: number): Generator<Module> {
  const choose = seededChooser(SEED);
  for (let i = 0; i < count; i++) {
    const [text, data] = [1 + choose(MOST_TEXT_PAGES, 'program'), 1 + choose(MOST_DATA_PAGES, 'program')];
    yield {
      text: { pages: text, va: somewhere(k, choose, text, 1) },
      data: { pages: data, va: somewhere(k, choose, data, 1) },
    };
  }
}

/** A linear address of `pages` pages of RAM that the kernel image, its tables and the cache are not in. `align`: in pages. */
function somewhere(k: Kernel, choose: Choose, pages: number, align: number): number {
  const { pageBytes } = k.space.granule;
  const { base, bytes } = k.board.memory[0]!;
  const quarter = bytes / 4; // the image is in the first quarter, the tables are in the last
  const places = Math.floor((quarter / pageBytes - pages) / align);
  const first = align === 1 ? base + quarter : base + 2 * quarter; // blocks for the cache have a quarter of their own
  return physToVirt(k.space, first + choose(places, 'program') * align * pageBytes);
}

function* loadPlain(cpu: Cpu, k: Kernel, count: number): Op {
  for (const { text, data } of modulesOf(k, count)) {
    yield* readOnly(cpu, k, text.va, text.pages);
    yield* readOnly(cpu, k, data.va, data.pages);
  }
}

function* loadCached(cpu: Cpu, k: Kernel, count: number, collapses: boolean): Op {
  const { entriesPerTable, pageBytes } = k.space.granule;
  const choose = seededChooser(SEED + 1);
  const blocks = new Set<number>();
  let [block, used] = [0, entriesPerTable];
  for (const { text, data } of modulesOf(k, count)) {
    if (used + text.pages > entriesPerTable) {
      do block = somewhere(k, choose, entriesPerTable, entriesPerTable);
      while (blocks.has(block));
      blocks.add(block);
      used = 0;
      yield* readOnly(cpu, k, block, entriesPerTable); // execmem_cache_populate()
    }
    const va = block + used * pageBytes;
    for (let i = 0; i < text.pages; i++) expectNone(yield* linearAliasRw(cpu, k, va + i * pageBytes, 1)); // execmem_force_rw()
    yield* readOnly(cpu, k, va, text.pages); // execmem_restore_rox()
    if (collapses) yield* collapseLinearPmd(cpu, k, block);
    used += text.pages;
    yield* readOnly(cpu, k, data.va, data.pages);
  }
}

/** Page by page, as change_memory_common() does it. */
function* readOnly(cpu: Cpu, k: Kernel, va: number, pages: number): Op {
  for (let i = 0; i < pages; i++) expectNone(yield* linearAliasRo(cpu, k, va + i * k.space.granule.pageBytes, 1));
}

function expectNone(error: number): void {
  if (error !== 0) throw new Error(`the change of a page failed with ${error}`);
}

function shareOf(memory: Memory, k: Kernel): Level3Share {
  let entries = 0;
  const tables = new Set<number>();
  forEachRun(memory, kernelTree(k.space, k.symbols.swapperPgDir), (va, _pa, level, _lo, _hi, _limits, count) => {
    if (level !== 3 || va >= k.space.pageEnd) return;
    entries += count;
    tables.add(Math.floor(virtToPhys(k.space, va) / levelBytes(k.space.granule, 2)));
  });
  return { entries, tables: tables.size, share: (entries * k.space.granule.pageBytes) / RAM_BYTES };
}
