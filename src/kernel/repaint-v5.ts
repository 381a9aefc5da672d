import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import { physToVirt } from './address-space.ts';
import type { Kernel } from './kernel.ts';
import { without } from './linear-map.ts';
import { REPAINT_6_18, type RepaintText } from './repaint.ts';
import { splitRange } from './split.ts';

/**
 * The repaint as posted in v5 (July 2025): bank by bank of memblock, with the kernel's text taken out beforehand
 * (marked NOMAP), and without lazy MMU mode, so that every entry pays for its own barriers. The wait is the same macro
 * (`wait_for_boot_cpu`), on a flag of its own that also starts at 1.
 */
function* splitByBank(cpu: Cpu, k: Kernel): Op<number> {
  const { space } = k;
  for (const { base, bytes } of k.board.memory)
    for (const [start, end] of without(base, base + bytes, space.text, space.initBegin)) {
      const error = yield* splitRange(cpu, k, physToVirt(space, start), physToVirt(space, end), 'atomic');
      if (error !== 0) return error;
    }
  return 0;
}

export const REPAINT_V5: RepaintText = { ...REPAINT_6_18, split: splitByBank };
