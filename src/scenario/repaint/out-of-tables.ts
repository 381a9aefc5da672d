import { allocatedFrames, allocateFrame, FRAME_DATA } from '../../hardware/memory/frame.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { forEachRun, kernelTree } from '../../kernel/ptdump/ptdump.ts';

/**
 * Memory runs out in the middle of the repaint: when it begins, all pages are in somebody's hands but for fewer than its
 * tables need; how many are left is drawn. So one of its GFP_ATOMIC allocations fails in every run.
 */
export function outOfTables(text: KernelText): KernelText {
  const { repaint } = text;
  return {
    ...text,
    repaint: {
      ...repaint,
      *split(cpu, k) {
        const needed = tablesToSplit(cpu.memory, k);
        if (needed > 0) leaveFree(cpu.memory, cpu.choose(needed, 'allocation'));
        return yield* repaint.split(cpu, k);
      },
    },
  };
}

/** How many tables it takes to turn the linear map into pages, but for the alias of the kernel image. */
export function tablesToSplit(memory: Memory, { space, symbols }: Kernel): number {
  const { granule } = space;
  const kstart = physToVirt(space, space.text);
  const kend = physToVirt(space, space.initBegin);
  const below = [0, 0, 1, 0]; // tables under a block of each level: one, or one and one for each entry of that
  below[1] = 1 + granule.entriesPerTable * below[2]!;
  let tables = 0;
  forEachRun(memory, kernelTree(space, symbols.swapperPgDir), (va, _pa, level, _lo, _hi, _limits, count) => {
    if (va < space.pageEnd && (va < kstart || va >= kend)) tables += count * below[level]!;
  });
  return tables;
}

/** Somebody else takes every page of the pool but `pages`. */
function leaveFree(memory: Memory, pages: number): void {
  for (let free = memory.poolFrames - allocatedFrames(memory).now; free > pages; free--)
    allocateFrame(memory, FRAME_DATA);
}
