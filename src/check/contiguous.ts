import { contiguousRun } from '../arch/granule.ts';
import { entryName } from '../kernel/entry-text.ts';
import { kernelTree, rangeEnd, ranges } from '../kernel/ptdump.ts';
import { atRest, type Property } from './violation.ts';
import { describeDescriptor, formatSpan } from './wording.ts';

/** Hardware may cache a whole run from any of its members, so a run with one odd member lies about all of them. */
export const contiguous: Property = {
  name: 'contiguous',
  says: 'at rest, every contiguous group is whole, aligned and uniform',
  mood: 'always',
  atRest: (machine, k) =>
    ranges(machine.memory, kernelTree(k.space, k.symbols.swapperPgDir))
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
};
