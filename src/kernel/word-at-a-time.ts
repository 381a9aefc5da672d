import type { Cpu } from '../hardware/cpu.ts';
import { loadOrFixup } from '../hardware/instruction/fixup.ts';
import { load } from '../hardware/instruction/load-store.ts';
import type { Op } from '../hardware/op.ts';
import type { Kernel } from './kernel.ts';

/**
 * Linux: load_unaligned_zeropad(), arch/arm64/include/asm/word-at-a-time.h, at the end of the page at `va`: names are compared word by
 * word, and the last word may reach into the next page, whoever owns that. Where it cannot be read there are zeroes.
 */
export function* loadUnalignedZeropad(cpu: Cpu, k: Kernel, va: number): Op {
  const next = va + k.space.granule.pageBytes;
  yield* load(cpu, next - 8);
  yield* loadOrFixup(cpu, next);
}
