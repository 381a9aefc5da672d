import type { Kernel } from '../../kernel/kernel.ts';
import type { Warning } from '../../kernel/warn.ts';
import type { Property } from '../violation.ts';
import { walkLines } from './walk-lines.ts';

/**
 * WARNs of two kinds. Where the kernel finds its tables not as it left them, somebody has made a mistake, and half of the work
 * is done. Where it warns that it refuses (-EBUSY, -ENOMEM), nothing is wrong but that the caller has to cope: that is no
 * violation, unless a scenario says that nobody may be refused.
 */

/** Those that only tell of a refusal. */
const REFUSALS: readonly Warning[] = ['split_kernel_leaf_mapping', 'update_range_prot'];

const isRefusal = (by: string): boolean => (REFUSALS as readonly string[]).includes(by);

export const warned: Property = {
  name: 'warn',
  says: 'the kernel does not warn that its tables are not as it expects: whoever changes a range finds it split at both ends',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    warned(cpu, by, why, va) {
      if (isRefusal(by)) return;
      const { swapperPgDir } = kernel.symbols;
      report(cpu, 'warn', text(by, why), walkLines(cpu.memory, kernel, swapperPgDir, va), remedyFor(kernel));
    },
  }),
};

/** Not of the standard ones: for scenarios whose callers come neither too early nor when memory is short. */
export const refused: Property = {
  name: 'refused',
  says: 'the kernel refuses nobody who wants to change permissions',
  mood: 'always',
  observe: ({ report }) => ({
    warned(cpu, by, why) {
      if (isRefusal(by)) report(cpu, 'refused', text(by, why), []);
    },
  }),
};

function text(by: string, why: string): string {
  return `WARNING: ${by}(): ${why}`;
}

function remedyFor({ config }: Kernel): string {
  return `split_kernel_leaf_mapping() over the range comes first, and says 0 only where it has nothing left to do (revision ${config.revision} acts here; since 7.1 it asks linear_map_requires_bbml2, and returns -EBUSY where it cannot know)`;
}
