import { RIGHT_EL1_EXECUTE } from '../../arch/permission.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { die } from '../../hardware/instruction/exception.ts';
import type { Op } from '../../hardware/op.ts';
import { translate } from '../../hardware/translation/access.ts';
import { imageVa } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';

/** Linux: vectors, arch/arm64/kernel/entry.S, where VBAR_EL1 points: the first page of the kernel's text. */
export function vectors({ space }: Pick<Kernel, 'space'>): number {
  return imageVa(space, space.text);
}

/**
 * An exception begins with the fetch of its vector, by the translations that are in force. While TTBR1 points at swapper the kernel's
 * text is mapped, and nothing comes of that fetch, which is left out; with a reserved TTBR1 there is no vector, and the exception
 * that this is has none either: a real CPU takes it again and again. Returns what the CPU does then, if it is so.
 */
export function vectorsUnreachable(cpu: Cpu, k: Kernel): Op | undefined {
  if (cpu.regime1 === undefined || cpu.regime1.root === k.symbols.swapperPgDir) return undefined;
  const pa = translate(cpu, vectors(k), RIGHT_EL1_EXECUTE);
  return pa < 0 ? die(cpu, vectors(k), -pa, RIGHT_EL1_EXECUTE) : undefined;
}
