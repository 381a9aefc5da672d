import { alignDown } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import { type Board, KiB, MiB } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { without } from '../../kernel/linear-map/linear-map.ts';
import { contPteBytes } from '../../kernel/tables/set-huge-pte.ts';
import { freeRam } from '../places.ts';

/** RAM that vmalloc areas are made of: nobody else's, and read but never written, for no frame backs it. */

export interface AreaRam {
  /** As many pages as a block has and as aligned, or two contiguous groups where RAM has no such block. */
  readonly block: { readonly pa: number; readonly bytes: number };
  /** A contiguous group. */
  readonly group: number;
  /** A group of pages, of which any may be used by itself. */
  readonly pages: number;
}

const oneBlock = boardPresets.get('one-block')!;

/** Two CPUs of each kind, and RAM for blocks beside the one that holds the page tables. */
export const fourBlocks: Board = {
  ...oneBlock,
  name: 'four-blocks',
  summary: 'two CPUs of each kind with tiny TLBs, a tiny kernel and four 2M blocks',
  memory: [
    { base: oneBlock.memory[0]!.base, bytes: 108 * KiB },
    { base: oneBlock.memory[1]!.base, bytes: 8 * MiB },
  ],
  cpus: [0, 1, 0, 1].map((kind) => oneBlock.cpus[kind]!),
};

type Range = readonly [start: number, end: number];

/** @throws Error where a board has no room for it. */
export function areaRam(k: Kernel): AreaRam {
  const block = levelBytes(k.space.granule, 2);
  const group = contPteBytes(k);
  const free = freeRam(k);
  const bytes = lastFit(free, block, block) === undefined ? 2 * group : block;
  const pa = lastFit(free, bytes, Math.min(bytes, block));
  const small = lastFit(
    pa === undefined ? [] : free.flatMap(([from, to]) => without(from, to, pa, pa + bytes)),
    2 * group,
    group,
  );
  if (pa === undefined || small === undefined) throw new Error('this board has no RAM to spare for vmalloc areas');
  return { block: { pa, bytes }, group: small, pages: small + group };
}

/** The last place among them for so many bytes, aligned. */
function lastFit(ranges: readonly Range[], bytes: number, align: number): number | undefined {
  const fits = ranges
    .map(([from, to]) => [from, alignDown(to - bytes, align)] as const)
    .filter(([from, at]) => at >= from);
  return fits.length === 0 ? undefined : Math.max(...fits.map(([, at]) => at));
}
