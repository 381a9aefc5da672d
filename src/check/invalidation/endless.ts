import { formatVa } from '../../arch/address.ts';
import { GRANULES } from '../../arch/granule.ts';
import type { Property } from '../violation.ts';
import { pendingIn } from './pending.ts';

/**
 * A flush that never ends is not seen by who looks for somebody that gets nowhere: each of its TLBIs is of another address. But no
 * range is worth that many. Linux flushes everything where a range would take MAX_DVM_OPS operations, as many as a table has entries
 * (512 to 8192, by granule), lest it look like a soft lockup. A CPU that has twice the most of that under way, and the later half
 * removes nothing that anybody has changed, is on the way to no end.
 *
 * `hung` is also what whoever drives the CPUs says of one that gets nowhere. This is the loop that is known by what it does.
 */
export const endless: Property = {
  name: 'hung',
  says: 'no CPU goes on issuing TLBIs that remove nothing, without a DSB: it would come to no end',
  mood: 'always',
  observe: ({ report }) => ({
    tlbiIssued(cpu, last) {
      const { ownBroadcast: own } = cpu;
      if (own.length === 0 || own.length % MOST_TLBIS !== 0) return;
      const later = own.slice(-MOST_TLBIS / 2);
      if (later.some(({ start, end }) => pendingIn(cpu, start, end).length > 0)) return;
      report(
        cpu,
        'hung',
        `CPU ${cpu.id} has issued ${own.length} TLBIs and no DSB, and goes on: the last one at ${formatVa(last.start)}`,
        [
          `they began at ${formatVa(own[0]!.start)}; each is 0x${(last.start - own.at(-2)!.start).toString(16)} bytes behind the one before`,
          `the last ${later.length} remove nothing that has been changed`,
        ],
        'an end that the loop comes to: __flush_tlb_range() rounds both ends of the range to the stride (6.18)',
      );
    },
  }),
};

/** Twice the most entries that a table of any granule has. */
const MOST_TLBIS = 2 * Math.max(...Object.values(GRANULES).map(({ entriesPerTable }) => entriesPerTable));
