import { formatPa, formatVa } from '../../arch/address.ts';
import type { Property } from '../violation.ts';
import { describeEntry, sideBySide } from '../wording.ts';

/** Linux has no way back from a TLB conflict abort at EL1, and nobody survives an amalgamated translation. */
export const conflict: Property = {
  name: 'conflict',
  says: 'no TLB conflict abort, and no amalgamated translation, reaches a program',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    multipleMatch(cpu, va, outcome, pa) {
      if (outcome === 'one') return;
      const [first, second] = [cpu.tlb.matched[0]!, cpu.tlb.matched[1]!];
      const what =
        outcome === 'abort'
          ? `TLB conflict abort (FSC 0x30) at ${formatVa(va)}`
          : `${formatVa(va)} translated to ${formatPa(pa)}, an amalgamation of two entries`;
      report(
        cpu,
        'conflict',
        `${what}: ${cpu.tlb.matchCount} TLB entries match on a CPU of BBM class ${cpu.model.conflicts} (${cpu.model.name})`,
        sideBySide(describeEntry(cpu, kernel.space, first), describeEntry(cpu, kernel.space, second)),
        'the larger entry had to be invalidated before this CPU could cache the smaller one: break-before-make, or keep the CPU off the table (reserved TTBR1 and a local flush) until the flush has completed',
      );
    },
  }),
};
