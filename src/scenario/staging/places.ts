import { alignUp } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { freeRam } from '../exercise.ts';

/** Places in RAM that nobody else uses, by what maps them. Physical; undefined where a board is too small to have one. */

/** A level 2 block, whole. */
export function wholeBlock(k: Kernel): { readonly pa: number; readonly pages: number } | undefined {
  const { granule } = k.space;
  const bytes = levelBytes(granule, 2);
  const free = freeRam(k).find(([from, to]) => alignUp(from, bytes) + bytes <= to);
  return free === undefined ? undefined : { pa: alignUp(free[0], bytes), pages: bytes / granule.pageBytes };
}

/** Where one level 2 block ends and the next begins: some pages on either side are free. */
export function blockEdge(k: Kernel): number | undefined {
  const { granule, text, initBegin } = k.space;
  const block = levelBytes(granule, 2);
  const near = 16 * granule.pageBytes;
  for (const { base, bytes } of k.board.memory)
    for (let edge = alignUp(base, block) + block; edge + block <= base + bytes; edge += block) {
      const isFree = freeRam(k).some(([from, to]) => from <= edge - near && edge + near <= to);
      if (isFree && (initBegin <= edge - block || text >= edge + block)) return edge;
    }
  return undefined;
}
