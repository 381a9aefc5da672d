import { type Address, formatSize } from '../../arch/address.ts';
import { contiguousRun, type Granule, type Level, levelBytes } from '../../arch/granule.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import { PTE_CONT } from '../tables/pgtable-prot.ts';
import { forEachRun, type Tree } from './ptdump.ts';

/** Bytes that leaves of one kind map together. */
export interface SizeShare {
  /** `4K`, `64K cont`, `2M` ...: the leaf, or the run that contiguous leaves make. */
  readonly name: string;
  readonly level: Level;
  readonly contiguous: boolean;
  readonly bytes: number;
}

/** Bytes mapped by each kind of leaf between `from` and `to`, smallest kind first; kinds that map nothing are left out. */
export function sizeShares(
  memory: Memory,
  tree: Tree,
  from: Address = Number.NEGATIVE_INFINITY,
  to: Address = Number.POSITIVE_INFINITY,
): SizeShare[] {
  const { granule } = tree;
  const mapped = new Float64Array(8);
  const contiguousHalf = Number(PTE_CONT >> 32n);
  forEachRun(memory, tree, (va, _pa, level, _lo, hi, _limits, count) => {
    const bytes = levelBytes(granule, level);
    const kind = level * 2 + ((hi & contiguousHalf) === 0 ? 0 : 1);
    mapped[kind]! += Math.max(0, Math.min(va + bytes * count, to) - Math.max(va, from));
  });
  return ([3, 2, 1, 0] as const)
    .flatMap((level) => [
      { name: formatSize(levelBytes(granule, level)), level, contiguous: false, bytes: mapped[level * 2]! },
      { name: contiguousName(granule, level), level, contiguous: true, bytes: mapped[level * 2 + 1]! },
    ])
    .filter(({ bytes }) => bytes > 0);
}

function contiguousName(granule: Granule, level: Level): string {
  return `${formatSize(levelBytes(granule, level) * contiguousRun(granule, level))} cont`;
}
