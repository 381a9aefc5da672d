import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { dcCvau, icIvau } from '../../hardware/instruction/instruction-cache.ts';
import { store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import { imagePa } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { rawSpinLock, rawSpinUnlock } from '../locking/locks.ts';
import { localIrqRestore, localIrqSave } from '../locking/preempt.ts';

/** The kernel's text changes while it runs. Linux: arch/arm64/kernel/patching.c. */

/** The sentences of patching. A named bug replaces one of them. */
export interface PatchingText {
  readonly cachesCleanInvalPou: typeof cachesCleanInvalPou;
  /** What is done once all branches of a key are patched: arch_jump_label_transform_apply(). */
  readonly transformApply: (cpu: Cpu, k: Kernel) => Op;
}

/**
 * Linux: aarch64_insn_patch_text_nosync(). `va`: of an instruction that CPUs may be executing: NOP and B may take each other's
 * place at any time. When this returns, every CPU executes the new one from its next context synchronisation on.
 */
export function* aarch64InsnPatchTextNosync(cpu: Cpu, k: Kernel, va: number, instruction: bigint): Op {
  yield* aarch64InsnWrite(cpu, k, va, instruction);
  yield* k.text.patching.cachesCleanInvalPou(cpu, va);
}

/**
 * Linux: __aarch64_insn_write(): the text is mapped read-only, and so written through a fixmap slot. The slot's own
 * maintenance is left out: it comes before the clean, and orders nothing that matters here.
 */
function* aarch64InsnWrite(cpu: Cpu, k: Kernel, va: number, instruction: bigint): Op {
  const masked = localIrqSave(cpu, k, 'raw_spin_lock_irqsave(&patch_lock)');
  yield* rawSpinLock(cpu, k, 'patch_lock');
  yield* store(cpu, FIXMAP + imagePa(k.space, va), instruction);
  yield* rawSpinUnlock(cpu, k, 'patch_lock');
  localIrqRestore(cpu, masked);
}

/** Linux: caches_clean_inval_pou(), arch/arm64/mm/cache.S, of one line. */
function* cachesCleanInvalPou(cpu: Cpu, va: number): Op {
  yield* dcCvau(cpu, va); // where instruction caches are filled from, there is the new instruction
  yield* dsb(cpu, 'ish'); // ... before any of them is emptied
  yield* icIvau(cpu, va);
  yield* dsb(cpu, 'ish'); // no instruction cache holds the old one: pairs with the ISB of whoever executes it
  yield* isb(cpu); // nor has this CPU fetched it before
}

/**
 * Patching as the proof of the ptdump protocol has it. Since 6.11 arch_jump_label_transform_apply() also interrupts all other
 * CPUs, which then have synchronised their context as well (cfb00a357864): more than the protocol leans on.
 */
export const PATCHING_6_18: PatchingText = { cachesCleanInvalPou, *transformApply() {} };
