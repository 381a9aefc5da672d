import type { Cpu } from '../hardware/cpu.ts';
import { note } from '../hardware/trace.ts';

/** Where the kernel warns, by the function whose WARN it is. In the trace a warning travels as its place in this list. */
export const WARNINGS = [
  'pageattr_pud_entry',
  'pageattr_pmd_entry',
  'split_kernel_leaf_mapping',
  'update_range_prot',
] as const;
export type Warning = (typeof WARNINGS)[number];

/**
 * Linux: WARN_ON_ONCE(), WARN_ONCE(). Goes on afterwards. `why`: what is not as it should be; `va`: where. Linux prints the first of
 * each place; here all are told, for what is looked at is one run.
 */
export function warn(cpu: Cpu, by: Warning, why: string, va: number): void {
  cpu.step = note(cpu.trace, 'warn', WARNINGS.indexOf(by), va, 0n);
  cpu.observer.warned(cpu, by, why, va);
}
