import { alignDown, formatPa, formatVa } from '../../arch/address.ts';
import { contiguousRun } from '../../arch/granule.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { type LeafRange, leaves } from '../../kernel/ptdump/ptdump.ts';
import { pteDirty } from '../../kernel/tables/pte.ts';
import { userTrees } from '../lifetime/trees.ts';
import { atRest, type Property } from '../violation.ts';
import { noteWritten, takeWritten, writtenPages } from './dirty-notes.ts';

/**
 * What is written to a page lives on only if somebody knows of it: when the kernel takes a page back it writes dirty ones to
 * where they belong, and forgets what the others held. Of a contiguous group any dirty member says so for all.
 */
export const dirty: Property = {
  name: 'dirty',
  says: 'a user page that has been written is dirty, in some entry of its group, until the kernel has been told so',
  mood: 'always',
  observe: ({ report }) => ({
    pageWritten(cpu, _va, pa) {
      if (noteWritten(cpu, pa)) return;
      report(cpu, 'notebook-full', 'more user pages are written than `dirty` can note', [], 'write fewer of them');
    },
    dirtyCollected(cpu, pa, bytes, found) {
      if (!takeWritten(cpu, pa, bytes) || found) return;
      report(
        cpu,
        'dirty',
        `the page at ${formatPa(pa)} has been written, but is taken for clean: what it holds is lost`,
        [],
        GATHER,
      );
    },
  }),
  atRest: (machine, k) => {
    const { memory } = machine;
    const written = writtenPages(machine);
    if (written.length === 0) return [];
    const mapped = userTrees(memory, k).flatMap((tree) => [...leaves(memory, tree)]);
    return written
      .filter((page) => !isDirty(memory, k, mapped, page))
      .map((page) =>
        atRest(
          'dirty',
          `the page at ${formatPa(page)} has been written, but no entry says so`,
          entriesOf(mapped, page),
          GATHER,
        ),
      );
  },
};

const GATHER =
  'whoever clears an entry of a group reads the dirty bit of each by the exchange that clears it, and gives it to what he writes (contpte_convert(), 6.18); whoever asks for one gathers those of all (contpte_ptep_get())';

/** Some entry that maps the page, or another of its group, is dirty. */
function isDirty(_memory: Memory, { space }: Kernel, mapped: readonly LeafRange[], page: number): boolean {
  const group = space.granule.pageBytes * contiguousRun(space.granule, 3);
  return mapped.some(({ pa, va, contiguous, descriptor }) => {
    if (pa !== page) return false;
    if (pteDirty(descriptor)) return true;
    const start = alignDown(va, group);
    const ofGroup = (other: LeafRange): boolean => other.contiguous && alignDown(other.va, group) === start;
    return contiguous && mapped.some((other) => ofGroup(other) && pteDirty(other.descriptor));
  });
}

function entriesOf(mapped: readonly LeafRange[], page: number): string[] {
  const entries = mapped.filter(({ pa }) => pa === page);
  return entries.length === 0
    ? ['nothing maps it any more']
    : entries.map(({ va, descriptor }) => `PTE for ${formatVa(va)}: 0x${descriptor.toString(16)}`);
}
