import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { fetchWord, storeWord, storeWords } from '../../hardware/instruction/code-page.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import { rodataFull } from '../config.ts';
import type { Kernel } from '../kernel.ts';
import { collapseLinearPmd } from '../linear-map/collapse.ts';
import { setDirectMapDefault, setDirectMapValidNoflush } from '../linear-map/pageattr.ts';
import { setMemoryNx, setMemoryRox, setMemoryRw } from '../vmalloc/set-memory.ts';
import { findVmArea, type VmStruct } from '../vmalloc/vm-area.ts';
import { addFreeArea } from './execmem-areas.ts';

/**
 * Memory for code: modules, kprobes, ftrace, BPF. Code is written while it cannot run, and run while it cannot be written. Linux:
 * mm/execmem.c, 6.18. Where it comes from: execmem-alloc.ts.
 */

/** The sentences of executable memory. A named bug replaces one of them. */
export interface ExecmemText {
  /** CONFIG_ARCH_HAS_EXECMEM_ROX, and EXECMEM_ROX_CACHE of the ranges. */
  readonly hasRoxCache: (cpu: Cpu, k: Kernel) => Op<boolean>;
  /** Pages from `va` on may be executed and not written to. Returns 0, or an error. */
  readonly restoreRox: (cpu: Cpu, k: Kernel, va: number, pages: number) => Op<number>;
  /** Addresses become free, in one with what is free before and behind them. Returns 0, or -ENOMEM. */
  readonly addFree: (cpu: Cpu, k: Kernel, start: number, bytes: number) => Op<number>;
  /** Frees what could not be freed when it was given back. */
  readonly retriesPending: boolean;
  /** The pages of an area that the cache gives up are as the page allocator wants them, where they lie in the linear map. */
  readonly resetLinearMap: (cpu: Cpu, k: Kernel, area: VmStruct) => Op<number>;
}

/** An instruction that traps (BRK), and one that does not (RET): the words of pages. */
export const TRAPPING_INSTRUCTION = 0xd420_0000n;
export const CODE = 0xd65f_03c0n;

/** Linux: execmem_force_rw(): first nobody executes it, then it may be written to. Returns 0, or an error of set_memory_*(). */
export function* execmemForceRw(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  const error = yield* setMemoryNx(cpu, k, va, pages);
  return error !== 0 ? error : yield* setMemoryRw(cpu, k, va, pages);
}

/** Linux: execmem_restore_rox(). */
export function* execmemRestoreRox(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* k.text.execmem.restoreRox(cpu, k, va, pages);
}

/** Writes code to the page at `va`, wherever it is mapped. The page is one of `k.execmemRam`. */
export function* writeCode(cpu: Cpu, k: Kernel, va: number): Op {
  yield* storeWord(cpu, va, CODE, k.execmemRam!);
}

/** Executes the page at `va`: what it finds there. */
export function* executeCode(cpu: Cpu, k: Kernel, va: number): Op<bigint> {
  return yield* fetchWord(cpu, va, k.execmemRam!);
}

/** Linux: execmem_fill_trapping_insns(); arm64: RFC 4/6. Nobody else uses the pages. */
export function* fillTrappingInsns(cpu: Cpu, k: Kernel, va: number, pages: number): Op {
  yield* storeWords(cpu, va, pages, TRAPPING_INSTRUCTION, k.execmemRam!);
}

/** RFC 5/6: where all CPUs can bear that blocks are split. (Assumed: asked at each allocation, where Linux sets a flag at boot.) */
function* hasRoxCacheWithBbml2(cpu: Cpu, k: Kernel): Op<boolean> {
  return yield* systemSupportsBbml2Noabort(cpu, k);
}

/**
 * RFC 6/6: where the pages were the last that kept a block of the linear map apart, it is whole again. [I] Where the RFC looks
 * for that was not at hand. Only rodata=full makes aliases read-only, and so apart in the first place.
 */
function* restoreRoxAndCollapse(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  const error = yield* setMemoryRox(cpu, k, va, pages);
  if (error !== 0 || !rodataFull(k.config)) return error;
  const area = yield* findVmArea(cpu, k, va);
  if (area === undefined) return 0;
  const { pageBytes } = k.space.granule;
  const first = physToVirt(k.space, area.pa + (va - area.addr));
  const step = levelBytes(k.space.granule, 2);
  for (let alias = first; alias < first + pages * pageBytes; alias += step) yield* collapseLinearPmd(cpu, k, alias);
  return 0;
}

/** x86 has it since 6.13: the pages are there again. Who made them read-only has to undo that himself. */
export function* setDirectMapValid(cpu: Cpu, k: Kernel, { pa, bytes }: VmStruct): Op<number> {
  const va = physToVirt(k.space, pa);
  return yield* setDirectMapValidNoflush(cpu, k, va, bytes / k.space.granule.pageBytes, true);
}

/** RFC 3/6: there, and writable. [I] But where aliases were left alone, there is nothing to undo, and perhaps nobody splits. */
function* setAreaDefault(cpu: Cpu, k: Kernel, { pa, bytes }: VmStruct): Op<number> {
  if (!rodataFull(k.config)) return 0;
  return yield* setDirectMapDefault(cpu, k, physToVirt(k.space, pa), bytes / k.space.granule.pageBytes);
}

export const EXECMEM_6_18: ExecmemText = {
  *hasRoxCache() {
    return false;
  },
  restoreRox: setMemoryRox,
  addFree: addFreeArea,
  retriesPending: true,
  resetLinearMap: setDirectMapValid,
};

export const EXECMEM_ROX_RFC: ExecmemText = {
  ...EXECMEM_6_18,
  hasRoxCache: hasRoxCacheWithBbml2,
  restoreRox: restoreRoxAndCollapse,
  resetLinearMap: setAreaDefault,
};
