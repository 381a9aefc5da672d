import { formatPa } from '../../arch/address.ts';
import { FRAME_TABLE, frameOf, framePa } from '../../hardware/memory/memory.ts';
import { reachableTables } from '../../kernel/ptdump/ptdump.ts';
import { atRest, type Property } from '../violation.ts';
import { lostExecmem } from './execmem-lost.ts';
import { trees } from './trees.ts';

/**
 * Every allocated table page hangs somewhere, and every table that hangs somewhere is allocated. And what is given back to the
 * execmem cache becomes free, and may become whole.
 */
export const leak: Property = {
  name: 'leak',
  says: 'at rest, the page-table pages that are allocated are those that hang in some tree, and what was given back to the execmem cache is free',
  mood: 'always',
  atRest: ({ memory }, k) => {
    const reachable = new Set(trees(memory, k).flatMap((tree) => [...reachableTables(memory, tree)]));
    const lost: string[] = [];
    for (let frame = memory.imageFrames; frame < memory.imageFrames + memory.poolFrames; frame++) {
      const pa = framePa(memory, frame);
      if (memory.frameState[frame] === FRAME_TABLE && !reachable.has(pa)) lost.push(formatPa(pa));
    }
    const dangling = [...reachable].filter((pa) => memory.frameState[frameOf(memory, pa)] !== FRAME_TABLE);
    return [
      ...(lost.length > 0
        ? [atRest('leak', `${lost.length} allocated table pages hang nowhere`, lost.slice(0, 4))]
        : []),
      ...(dangling.length > 0
        ? [
            atRest(
              'table-lifetime',
              `${dangling.length} linked tables are not allocated`,
              dangling.slice(0, 4).map(formatPa),
            ),
          ]
        : []),
      ...lostExecmem(memory, k),
    ];
  },
};
