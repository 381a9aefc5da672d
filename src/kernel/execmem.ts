import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';
import { setMemoryNx, setMemoryRox, setMemoryRw } from './set-memory.ts';

/** Code that is written while it cannot run, and run while it cannot be written. Linux: mm/execmem.c, 6.18. */

/** The sentences of such a window. A named bug replaces one of them. */
export interface ExecmemText {
  /** Pages from `va` on may be executed and not written to. Returns 0, or an error. */
  readonly restoreRox: (cpu: Cpu, k: Kernel, va: number, pages: number) => Op<number>;
}

/** Linux: execmem_force_rw(): first nobody executes it, then it may be written to. Returns 0, or an error of set_memory_*(). */
export function* execmemForceRw(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  const error = yield* setMemoryNx(cpu, k, va, pages);
  return error !== 0 ? error : yield* setMemoryRw(cpu, k, va, pages);
}

/** Linux: execmem_restore_rox(). */
export function* execmemRestoreRox(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* k.text.execmem.restoreRox(cpu, k, va, pages);
}

export const EXECMEM_6_18: ExecmemText = { restoreRox: setMemoryRox };
