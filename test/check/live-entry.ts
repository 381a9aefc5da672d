import type { LeafAttributes } from '../../src/arch/descriptor.ts';
import { type BbmClass, bbmClasses } from '../../src/hardware/board/board.ts';
import { block, entryAt, page, put, type Rig, type RigOptions, rigOf } from './rig.ts';

const GiB = 2 ** 30;

/** A machine with one live entry. */
export interface Live {
  readonly rig: Rig;
  readonly entry: number;
  readonly va: number;
  readonly pa: number;
}

export function live(options: RigOptions, level: number, before: (rig: Rig, pa: number) => bigint): Live {
  const rig = rigOf(options);
  const va = rig.k.space.pageOffset + 16 * GiB;
  const pa = 16 * GiB;
  const entry = entryAt(rig, va, level);
  put(rig, entry, before(rig, pa));
  return { rig, entry, va, pa };
}

export const liveBlock = (options: RigOptions, attributes?: Partial<LeafAttributes>): Live =>
  live(options, 2, (_, pa) => block(pa, attributes));
export const livePage = (options: RigOptions, attributes?: Partial<LeafAttributes>): Live =>
  live(options, 3, (_, pa) => page(pa, attributes));

/** Weakest first. */
export const without = (...weak: BbmClass[]): BbmClass[] => bbmClasses.filter((each) => !weak.includes(each));
