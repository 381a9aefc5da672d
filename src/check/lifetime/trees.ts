import { FRAME_ROOT, frameOf, framePa, type Memory } from '../../hardware/memory/memory.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { kernelTree, type Tree } from '../../kernel/ptdump/ptdump.ts';

/** Every tree there is, the kernel's own and those of user processes: the root table of each hangs from itself. */
export function trees(memory: Memory, k: Kernel): Tree[] {
  const frames = Array.from({ length: memory.imageFrames + memory.poolFrames }, (_, frame) => frame);
  return frames
    .filter((frame) => memory.frameMeta[frame * 4 + FRAME_ROOT] === frame + 1)
    .map((frame) => treeOf(memory, k, framePa(memory, frame)));
}

/** The tree of that root, which lies in the half of the address space that it was placed in. */
export function treeOf(memory: Memory, { space }: Kernel, rootPa: number): Tree {
  return { ...kernelTree(space, rootPa), side: memory.frameVa[frameOf(memory, rootPa)]! < 0 ? 1 : 0 };
}

/** Those of user processes. */
export function userTrees(memory: Memory, k: Kernel): Tree[] {
  return trees(memory, k).filter(({ side, rootPa }) => side === 0 && rootPa !== k.symbols.idmapPgDir);
}
