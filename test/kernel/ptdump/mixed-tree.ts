import { blockDescriptor, pageDescriptor, tableDescriptor } from '../../../src/arch/descriptor.ts';
import { GRANULE_4K } from '../../../src/arch/granule.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { allocateFrame, FRAME_TABLE, fillFrame } from '../../../src/hardware/memory/frame.ts';
import { exchange, type Memory } from '../../../src/hardware/memory/memory.ts';
import { createMachine } from '../../../src/hardware/system.ts';
import type { LeafRange, Tree } from '../../../src/kernel/ptdump/ptdump.ts';

export const LOWEST = -(2 ** 48);
export const GIB = 2 ** 30;
export const MIB = 2 ** 20;

/** A machine with nothing on it. */
export function bareMemory(granule: Board['granule'] = '4K'): Memory {
  return createMachine({ ...defaultBoard, granule }, { poolFrames: 32 }).memory;
}

/** A table page whose entries are those given, by index, and invalid elsewhere. */
export function table(memory: Memory, entries: Readonly<Record<number, bigint>>): number {
  const pa = allocateFrame(memory, FRAME_TABLE);
  fillFrame(memory, pa, 0, 0);
  for (const [index, descriptor] of Object.entries(entries)) exchange(memory, pa + 8 * Number(index), descriptor);
  return pa;
}

/** `count` neighbours from `index` on: `of(i)` for the i-th. */
export function run(index: number, count: number, of: (i: number) => bigint): Record<number, bigint> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [index + i, of(i)]));
}

export const tree4K = (rootPa: number): Tree => ({ rootPa, granule: GRANULE_4K, vaBits: 48, side: 1 });

/** One of everything, from the lowest TTBR1 address on. */
export function mixedTree(memory: Memory): Tree {
  const pages = table(memory, {
    ...run(0, 4, (i) => pageDescriptor(0xffff_e000 + 4096 * i, { AF: 1 })), // across 4 GiB
    ...run(4, 4, () => pageDescriptor(0x8000_0000, { AF: 1 })), // one page four times
    ...run(16, 16, (i) => pageDescriptor(0x9000_0000 + 4096 * i, { AF: 1, Contiguous: 1 })),
    ...run(32, 16, (i) => pageDescriptor(0x9001_0000 + 4096 * i, { AF: 1 })),
    100: 0x8000_0000n, // invalid, but not empty
    101: 0b01n, // reserved at level 3
    511: pageDescriptor(0x9002_f000, { AF: 1 }), // as the first of the next table goes on
  });
  const withheld = table(
    memory,
    run(0, 512, (i) => pageDescriptor(0x9003_0000 + 4096 * i, { AF: 1 })),
  );
  const blocks = table(memory, {
    0: tableDescriptor(pages),
    1: tableDescriptor(withheld, { APTable: 0b10 }),
    ...run(2, 3, (i) => blockDescriptor(0xa000_0000 + 2 * MIB * i, { AF: 1, nT: 1 })),
  });
  const upper = table(memory, {
    0: tableDescriptor(blocks, { UXNTable: 1 }),
    1: blockDescriptor(3 * GIB, { AF: 1 }),
    2: blockDescriptor(4 * GIB, { AF: 1 }),
    3: tableDescriptor(0x7000_0000), // no frame backs it
  });
  return tree4K(table(memory, { 0: tableDescriptor(upper, { PXNTable: 1 }), 1: blockDescriptor(0) }));
}

export const brief = ({ va, pa, bytes, count, contiguous, limits }: LeafRange) => [
  va - LOWEST,
  pa,
  bytes,
  count,
  contiguous,
  limits,
];
