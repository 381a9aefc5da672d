import { formatPa, formatVa } from '../../arch/address.ts';
import { ROOT0 } from '../../hardware/cpu.ts';
import type { Property } from '../violation.ts';
import { walkLines } from './walk-lines.ts';

/** Programs say what they found at their addresses; those of the kernel's half are for `linear-map`. */
export const userMap: Property = {
  name: 'user-map',
  says: 'a user address goes to the page that its own process has there',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    promiseBroken(cpu, va, expected, found) {
      if (va < 0) return;
      report(
        cpu,
        'user-map',
        `${formatVa(va)} should go to ${formatPa(expected)}, but ${found < 0 ? 'is refused, as if nothing were mapped there' : `goes to ${formatPa(found)}`}`,
        [`ASID ${cpu.regime0?.asid}`, ...walkLines(cpu.memory, kernel, cpu.doubles[ROOT0]!, va)],
        found < 0
          ? LOCK
          : 'entries of another process have another ASID: one that is given to a new process is flushed before (new_context(), arch/arm64/mm/context.c, 6.18)',
      );
    },
  }),
};

const LOCK =
  'an entry may be invalid for a moment, while its group is converted: whoever handles a fault looks at it with the page-table lock held (handle_pte_fault(), mm/memory.c)';
