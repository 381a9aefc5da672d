import { classNumber } from '../../hardware/cpu.ts';
import { cpuSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import type { Kernel } from '../../kernel/kernel.ts';

/**
 * The CPU that stands least of a change in place: of those that come up before the decision and do not qualify, one of the
 * lowest BBM class, the last of several. -1: there is none, and nothing to repaint.
 */
export function leastAble({ board, config }: Pick<Kernel, 'board' | 'config'>): number {
  let least = -1;
  for (const [id, model] of board.cpus.entries()) {
    if (board.lateCpus.includes(id) || cpuSupportsBbml2Noabort(model, config.revision)) continue;
    if (least < 0 || classNumber(model) <= classNumber(board.cpus[least]!)) least = id;
  }
  return least;
}
