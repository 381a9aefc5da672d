import { alignDown, isAligned } from '../../arch/address.ts';
import { differInUseOnly } from '../../arch/dirty-state.ts';
import { contiguousRun, levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { type Memory, read } from '../../hardware/memory/memory.ts';
import { isTableAt } from '../../hardware/memory/table-word.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { kernelTree, type LeafRange, leaves, rangeEnd, ranges, type Tree } from '../../kernel/ptdump/ptdump.ts';
import { entryName } from '../../kernel/tables/entry-text.ts';
import { entryOffset } from '../../kernel/tables/pagewalk.ts';
import { PTE_ADDRESS, PTE_CONT, PTE_VALID } from '../../kernel/tables/pgtable-prot.ts';
import { userTrees } from '../lifetime/trees.ts';
import { atRest, type Property, type Violation } from '../violation.ts';
import { describeDescriptor, formatSpan } from '../wording.ts';

/**
 * Hardware may cache a whole run from any of its members, so a run with one odd member lies about all of them: also while the
 * machine runs, when somebody says that a change is in force, of whose range a group has a part. In between, while entries
 * are written one after the other, a group may well be odd.
 */
export const contiguous: Property = {
  name: 'contiguous',
  says: 'every contiguous group is whole, aligned and uniform, at rest and where a change of a part of it is said to be in force',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    announced(cpu, name, start, end) {
      const ends = [start, end - kernel.space.granule.pageBytes];
      const odd = ends.map((va) => oddGroupAt(cpu, kernel, va)).find((group) => group !== undefined);
      if (odd === undefined) return;
      report(
        cpu,
        'contiguous',
        `${name}: of the contiguous group ${formatSpan(odd.va, odd.end)} some entries have changed and some not: a TLB may hold all of it as any of them says`,
        odd.lines,
        start < 0 ? REMEDY : USER_REMEDY,
      );
    },
  }),
  atRest: (machine, k) => [
    ...userTrees(machine.memory, k).flatMap((tree) => raggedGroups(machine.memory, tree, k)),
    ...ranges(machine.memory, kernelTree(k.space, k.symbols.swapperPgDir))
      .filter((range) => {
        if (!range.contiguous) return false;
        const group = contiguousRun(k.space.granule, range.level);
        const bytes = range.bytes * group;
        return range.count % group !== 0 || range.va % bytes !== 0 || range.pa % bytes !== 0;
      })
      .map((range) =>
        atRest(
          'contiguous',
          `${formatSpan(range.va, rangeEnd(range))} has the contiguous bit, but is no whole group`,
          [
            `${range.count} x ${entryName(range.level, k.space.startLevel)}, the first ${describeDescriptor(range.descriptor, range.level, range.va, k.space)}`,
          ],
          'split_contpte() and split_contpmd() (6.18) clear the bit on every entry of the group',
        ),
      ),
  ],
};

/** Of user processes: members may differ in Access flag and dirty state, which hardware sets in any of them. */
function raggedGroups(memory: Memory, tree: Tree, { space }: Kernel): Violation[] {
  const entries = contiguousRun(space.granule, 3);
  const bytes = entries * space.granule.pageBytes;
  const pages = [...leaves(memory, tree)].filter((leaf) => leaf.contiguous && leaf.level === 3);
  const groups = Map.groupBy(pages, ({ va }) => alignDown(va, bytes));
  return [...groups].flatMap(([start, members]) => {
    const [first] = members as [LeafRange];
    const belongs = ({ va, pa, descriptor }: LeafRange): boolean =>
      pa - va === first.pa - first.va && differInUseOnly(descriptor, first.descriptor);
    if (members.length === entries && isAligned(first.pa, bytes) && members.every(belongs)) return [];
    const odd = members.find((member) => !belongs(member)) ?? first;
    return [
      atRest(
        'contiguous',
        `${formatSpan(start, start + bytes)} has the contiguous bit, but is no whole group`,
        [first, odd].map(({ va, descriptor }) => `PTE  ${describeDescriptor(descriptor, 3, va, space)}`),
        USER_REMEDY,
      ),
    ];
  });
}

const USER_REMEDY =
  'contpte_try_unfold_partial() first (6.18): the bit comes off the whole group before a part of it changes';

const REMEDY =
  'split_contpte() first: the bit comes off the whole group before a part of it changes (split_kernel_leaf_mapping(), 6.18); where that may not be done in place, a map without contiguous groups (NO_CONT_MAPPINGS)';

interface OddGroup {
  readonly va: number;
  readonly end: number;
  readonly lines: string[];
}

/** The contiguous group around `va`, if it is one in part, or not all alike; as memory holds it. */
function oddGroupAt({ memory, regime0 }: Cpu, { space, symbols }: Kernel, va: number): OddGroup | undefined {
  if (va >= 0 && regime0 === undefined) return undefined;
  let table = va < 0 ? symbols.swapperPgDir : regime0!.root;
  for (let level = space.startLevel as 0 | 1 | 2 | 3; ; level++) {
    const entry = entryOffset(space, level, table, va);
    const value = read(memory, entry);
    if (isTableAt(value, level)) {
      table = Number(value & PTE_ADDRESS);
      continue;
    }
    const count = contiguousRun(space.granule, level);
    const bytes = levelBytes(space.granule, level);
    const first = alignDown(entry, 8 * count);
    const members = entriesAt(memory, first, count);
    const groupMember = members.find((each) => (each & (PTE_VALID | PTE_CONT)) === (PTE_VALID | PTE_CONT));
    if (groupMember === undefined) return undefined;
    const at = alignDown(va, bytes * count);
    const odd = members.findIndex((each) => !belongTogether(each, groupMember, va));
    if (odd < 0) return undefined;
    const lines = [members.indexOf(groupMember), odd].map(
      (i) => `${entryName(level, space.startLevel)}  ${describeDescriptor(members[i]!, level, at + i * bytes, space)}`,
    );
    return { va: at, end: at + bytes * count, lines };
  }
}

/** `count` entries from `pa` on. Asked at each announcement: hence no Array.from(), which takes many times as long. */
function entriesAt(memory: Memory, pa: number, count: number): bigint[] {
  const entries: bigint[] = [];
  for (let i = 0; i < count; i++) entries.push(read(memory, pa + 8 * i));
  return entries;
}

function belongTogether(one: bigint, other: bigint, va: number): boolean {
  if (va >= 0) return differInUseOnly(one, other);
  return ((one ^ other) & ~PTE_ADDRESS) === 0n;
}
