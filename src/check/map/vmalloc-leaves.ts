import { AP_READ_ONLY, LEAF } from '../../arch/descriptor.ts';
import { extract } from '../../arch/field.ts';
import { RIGHT_EL1_EXECUTE, RIGHT_EL1_WRITE, rightsOf } from '../../arch/permission.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import { isSince } from '../../kernel/config.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { kernelTree, type LeafRange, rangeEnd, ranges } from '../../kernel/ptdump/ptdump.ts';
import { vmAreasAt } from '../../kernel/vmalloc/vm-area.ts';

/** What is mapped above the linear map, read from memory as it is now: the kernel image, and vmalloc areas. */
export function leavesAboveLinearMap(memory: Memory, { space, symbols }: Kernel): LeafRange[] {
  return ranges(memory, kernelTree(space, symbols.swapperPgDir), false, space.pageEnd);
}

/** What EL1 may do there. */
export function isWritable(leaf: Pick<LeafRange, 'descriptor' | 'limits'>): boolean {
  return (rights(leaf) & RIGHT_EL1_WRITE) !== 0;
}

export function isExecutable(leaf: Pick<LeafRange, 'descriptor' | 'limits'>): boolean {
  return (rights(leaf) & RIGHT_EL1_EXECUTE) !== 0;
}

function rights({ descriptor, limits }: Pick<LeafRange, 'descriptor' | 'limits'>): number {
  const field = (which: (typeof LEAF)['AP' | 'UXN' | 'PXN']): number => extract(descriptor, which);
  return rightsOf(field(LEAF.AP), field(LEAF.UXN), field(LEAF.PXN), limits, 0, 0);
}

/** Physical addresses from `start` up to `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function spanOf({ pa, bytes, count }: LeafRange): Span {
  return { start: pa, end: pa + bytes * count };
}

/**
 * The pages of vmalloc areas that have been made read-only, and so have read-only linear aliases under rodata=full; up to 6.18
 * all pages of an area of which some are.
 */
export function readOnlyAreas(memory: Memory, k: Kernel): Span[] {
  const areas = vmAreasAt(memory, k);
  if (areas.length === 0) return [];
  const readOnly = leavesAboveLinearMap(memory, k).filter(
    ({ descriptor }) => (extract(descriptor, LEAF.AP) & AP_READ_ONLY) !== 0,
  );
  return areas.flatMap(({ addr, bytes, pa }) => {
    const within = readOnly.filter((leaf) => leaf.va < addr + bytes && rangeEnd(leaf) > addr);
    if (within.length === 0) return [];
    return isSince(k.config.revision, '7.1') ? within.map(spanOf) : [{ start: pa, end: pa + bytes }];
  });
}

/** Every address of `span` is in one of them. */
export function isCovered(span: Span, by: readonly Span[]): boolean {
  let { start } = span;
  for (const each of by.toSorted((one, other) => one.start - other.start))
    if (each.start <= start) start = Math.max(start, each.end);
  return start >= span.end;
}
