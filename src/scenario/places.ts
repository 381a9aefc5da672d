import { alignUp } from '../arch/address.ts';
import { levelBytes } from '../arch/granule.ts';
import { poolPlace } from '../hardware/memory/layout.ts';
import { tablePagesNeeded } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { without } from '../kernel/linear-map/linear-map.ts';

/** Places in RAM that nobody else uses, for scenarios to change the mapping of. Physical addresses. */

/** Pages that modules live in, behind the kernel image. */
const MODULE_PAGES = 16;

type Range = readonly [start: number, end: number];

export interface ModuleArea {
  readonly pa: number;
  readonly pages: number;
}

/** The frames whose permissions change while the system runs: a block's first pages, or what a small board has left. */
export function moduleArea(k: Kernel): ModuleArea {
  const { pageBytes } = k.space.granule;
  const block = alignUp(k.space.end, 2 * 2 ** 20);
  const free = freeRam(k);
  if (free.some(([from, to]) => block >= from && block + MODULE_PAGES * pageBytes <= to))
    return { pa: block, pages: MODULE_PAGES };
  const [from, to] = largestOf(free);
  return { pa: from, pages: Math.min(MODULE_PAGES, Math.floor((to - from) / pageBytes)) };
}

/** RAM that neither the kernel image nor the page tables nor KFENCE take. */
export function freeRam({ board, space, kfencePool }: Kernel): Range[] {
  const tableBytes = tablePagesNeeded(board) * space.granule.pageBytes;
  const tables = poolPlace(board, tableBytes) ?? 0;
  const { base, bytes } = kfencePool ?? { base: 0, bytes: 0 };
  return board.memory
    .flatMap((ram) => without(ram.base, ram.base + ram.bytes, space.text, space.end))
    .flatMap(([from, to]) => without(from, to, tables, tables + tableBytes))
    .flatMap(([from, to]) => without(from, to, base, base + bytes));
}

/** The largest piece of it. */
export const largestFreeRam = (k: Kernel): Range => largestOf(freeRam(k));

export const largestOf = (ranges: readonly Range[]): Range =>
  ranges.reduce((one, other) => (other[1] - other[0] > one[1] - one[0] ? other : one), [0, 0]);

/** A level 2 block, whole; undefined where the board is too small to have one. */
export function wholeBlock(k: Kernel): { readonly pa: number; readonly pages: number } | undefined {
  const { granule } = k.space;
  const bytes = levelBytes(granule, 2);
  const free = freeRam(k).find(([from, to]) => alignUp(from, bytes) + bytes <= to);
  return free === undefined ? undefined : { pa: alignUp(free[0], bytes), pages: bytes / granule.pageBytes };
}

/** Where one level 2 block ends and the next begins: some pages on either side are free. Undefined likewise. */
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
