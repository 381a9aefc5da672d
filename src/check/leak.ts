import { formatPa } from '../arch/address.ts';
import { FRAME_ROOT, FRAME_TABLE, frameOf, framePa, type Memory } from '../hardware/memory.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { kernelTree, reachableTables } from '../kernel/ptdump.ts';
import { atRest, type Property } from './violation.ts';

/** Every allocated table page hangs somewhere, and every table that hangs somewhere is allocated. */
export const leak: Property = {
  name: 'leak',
  says: 'at rest, the page-table pages that are allocated are those that hang in some tree',
  mood: 'always',
  atRest: ({ memory }, k) => {
    const reachable = new Set(roots(memory).flatMap((root) => [...tablesOf(memory, k, root)]));
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
    ];
  },
};

/** The root tables of all trees: each hangs from itself. */
function roots(memory: Memory): number[] {
  const frames = Array.from({ length: memory.imageFrames + memory.poolFrames }, (_, frame) => frame);
  return frames
    .filter((frame) => memory.frameMeta[frame * 4 + FRAME_ROOT] === frame + 1)
    .map((frame) => framePa(memory, frame));
}

function tablesOf(memory: Memory, k: Kernel, root: number): Set<number> {
  const side = memory.frameVa[frameOf(memory, root)]! < 0 ? 1 : 0;
  return reachableTables(memory, { ...kernelTree(k.space, root), side });
}
