import { formatVa } from '../arch/address.ts';
import { placeOf } from '../hardware/table-word.ts';
import { attachedPending } from './bbm.ts';
import { pendingIn, REPLACED } from './pending.ts';
import type { Property } from './violation.ts';
import { describeEntry, formatSpan } from './wording.ts';

/**
 * Old translations must be out of use when the kernel says so. The claim itself is checked (whatever it covers has been
 * invalidated, and that has completed), and so is every later access.
 */
export const stale: Property = {
  name: 'stale',
  says: 'once the kernel has announced that old translations of a range are gone, they are, and no access uses one',
  mood: 'always',
  observe: ({ report }) => ({
    announced(cpu, name, start, end) {
      const changes = pendingIn(attachedPending(cpu), start, end);
      const buffered = bufferedIn(cpu, start, end);
      if (changes.length === 0 && buffered === 0) return;
      const issuedAll = changes.length > 0 && changes.every((change) => change.tlbiIssued);
      const missing = buffered > 0 ? 'DSB ISHST' : issuedAll ? 'DSB ISH' : 'TLBI';
      report(
        cpu,
        'stale',
        `${name}: old translations were announced to be gone, but ${WHY[missing]}`,
        [
          ...changes.map(
            (change) =>
              `${formatSpan(change.start, change.end)}: ${change.changes} entries ${change.kind === REPLACED ? 'replaced' : 'broken'} by CPU ${change.cpu}, the last at step ${change.step}; ${change.tlbiIssued ? 'TLBI issued, not completed' : 'no TLBI'}`,
          ),
          ...(buffered > 0 ? [`${buffered} table stores are still in the store buffer of CPU ${cpu.id}`] : []),
        ],
        REMEDY[missing],
      );
    },
    withdrawnUse(cpu, va, way) {
      report(
        cpu,
        'stale',
        `an access to ${formatVa(va)} used a translation that was replaced before the kernel announced it gone`,
        describeEntry(cpu, way),
        REMEDY.TLBI,
      );
    },
  }),
};

const WHY = {
  'DSB ISHST': 'the new entries are not visible to walkers yet',
  'DSB ISH': 'the TLBI that removes them has not completed',
  TLBI: 'no TLBI has removed them',
} as const;

const REMEDY = {
  'DSB ISHST': 'a DSB ISHST before the announcement (flush_tlb_kernel_range(), 6.18, begins with one)',
  'DSB ISH': 'a DSB ISH between the TLBI and the announcement (the end of flush_tlb_kernel_range(), 6.18)',
  TLBI: 'flush_tlb_kernel_range() over the range before the announcement (linear_map_split_to_ptes(), 6.18)',
} as const;

/** Table stores of this CPU that no walker can see yet and that belong to the range. */
function bufferedIn(cpu: Parameters<typeof describeEntry>[0], start: number, end: number): number {
  let count = 0;
  for (let i = 0; i < cpu.stores.count[0]!; i++) {
    const place = placeOf(cpu.memory, cpu.stores.pa[i]!);
    if (place !== undefined && place.va < end && place.va + place.bytes > start) count++;
  }
  return count;
}
