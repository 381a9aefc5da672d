import type { Cpu } from '../hardware/cpu.ts';
import { load } from '../hardware/load-store.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';

/** Branches that are seldom taken and cost nothing where they are not. Linux: include/linux/jump_label.h. */

/** The kernel's static keys: how many want the branch taken. */
export const STATIC_KEYS = ['arm64_ptdump_lock_key'] as const; // arch/arm64/mm/ptdump.c, since 6.18
export type StaticKey = (typeof STATIC_KEYS)[number];

/** Linux: static_branch_unlikely(). */
export function* staticBranchUnlikely(cpu: Cpu, k: Kernel, key: StaticKey): Op<boolean> {
  return (yield* load(cpu, k.symbols.variables[key])) !== 0n;
}
