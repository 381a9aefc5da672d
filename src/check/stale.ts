import { formatVa } from '../arch/address.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { read } from '../hardware/memory.ts';
import { placeOf } from '../hardware/table-word.ts';
import { isCacheable } from './bbm-rule.ts';
import { noteAnnounced, pendingIn } from './pending.ts';
import { REPLACED } from './pending-row.ts';
import type { Property } from './violation.ts';
import { describeEntry, formatSpan, tlbiSoFar } from './wording.ts';

/**
 * Old translations must be out of use when the kernel says so. The claim itself is checked (whatever it covers has been
 * invalidated, and that has completed), and so is every later access that proves it wrong.
 */
export const stale: Property = {
  name: 'stale',
  says: 'once the kernel has announced that old translations of a range are gone, they are, and no access uses one',
  mood: 'always',
  observe: ({ report }) => ({
    announced(cpu, name, start, end) {
      const changes = pendingIn(cpu, start, end);
      const buffered = bufferedIn(cpu, start, end);
      if (changes.length === 0 && buffered === 0) return;
      if (changes.length > 0) noteAnnounced(cpu, start, end);
      const missing = buffered > 0 ? 'DSB ISHST' : changes.every(({ tlbi }) => tlbi === 'covered') ? 'DSB ISH' : 'TLBI';
      report(
        cpu,
        'stale',
        `${name}: old translations were announced to be gone, but ${WHY[missing]}`,
        [
          ...changes.map(
            (change) =>
              `${formatSpan(change.start, change.end)}: ${(change.end - change.start) / change.unit} entries of level ${change.level} ${change.kind === REPLACED ? 'replaced' : 'broken'}, the last at step ${change.step} by CPU ${change.cpu}: ${tlbiSoFar(change)}`,
          ),
          ...(buffered > 0 ? [`${buffered} table stores are still in the store buffer of CPU ${cpu.id}`] : []),
        ],
        REMEDY[missing],
      );
    },
    withdrawnUse(cpu, va, way) {
      // Without a note that was announced, the entry was replaced again after the announcement: its flush is under way.
      if (!pendingIn(cpu, va, va + 1).some(({ announced }) => announced)) return;
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

/** Stores of this CPU that no walker can see yet and that take something away in the range. */
function bufferedIn(cpu: Cpu, start: number, end: number): number {
  const { memory, stores } = cpu;
  let count = 0;
  for (let i = 0; i < stores.count[0]!; i++) {
    const pa = stores.pa[i]!;
    if (stores.isFill[i] === 1) continue;
    const place = placeOf(memory, pa);
    if (place === undefined || place.va >= end || place.va + place.bytes <= start) continue;
    const old = read(memory, pa);
    if (isCacheable(old, place.level) && old !== stores.value[i]) count++;
  }
  return count;
}
