import { DSBS } from '../../hardware/counters.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { isTableAt, placeOf } from '../../hardware/memory/table-word.ts';
import type { Property } from '../violation.ts';
import { formatSpan } from '../wording.ts';
import { isCacheable, isTable } from './bbm-rule.ts';

/**
 * Barriers that nobody needs are no danger, only slow: no other property sees them. This one counts, and is not among the
 * standard ones, for other protocols than a split may have their reasons. One barrier between filling a table and linking it
 * is needed; one for each entry is what lazy MMU mode is there to save.
 */
export const batching: Property = {
  name: 'batching',
  says: 'between two table stores of a CPU there are fewer barriers than a table has entries',
  mood: 'always',
  observe: ({ report, kernel }) => {
    let last = -1;
    return {
      tableWordVisible(cpu: Cpu, pa, before, after) {
        const barriers = cpu.counts[DSBS]!;
        const since = last < 0 ? 0 : barriers - last;
        last = barriers;
        const place = placeOf(cpu.memory, pa);
        if (place === undefined || since < kernel.space.granule.entriesPerTable) return;
        const isSplit =
          isTableAt(after, place.level) && isCacheable(before, place.level) && !isTable(before, place.level);
        if (!isSplit) return;
        report(
          cpu,
          'batching',
          `${since} barriers before the block at ${formatSpan(place.va, place.va + place.bytes)} became a table: one for each of its entries`,
          ['1 DSB ISHST is needed there, before the link; nobody could walk to the entries before it'],
          'arch_enter_lazy_mmu_mode() and arch_leave_lazy_mmu_mode() around the split (40a292f70147, 6.18-rc)',
        );
      },
    };
  },
};
