import type { Board } from '../../src/hardware/board/board.ts';
import { type Draw, drawBoard } from '../../src/hardware/board/board-draw.ts';
import { cpuModel } from '../../src/hardware/board/cpu-models.ts';
import { cpuSupportsBbml2Noabort } from '../../src/kernel/boot/cpufeature.ts';
import { isSince, type KernelConfig, KFENCE, RELEASED, RODATA } from '../../src/kernel/config.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** What a round of a soak draws, where its scenario leaves it open: the kernel's configuration, and the board. */

interface OnBoard {
  readonly scenario: Scenario;
  readonly board: Board;
}

/** Mostly what a distribution would build; pages from the start, where little is to be seen, now and then. */
export function drawKernel(draw: Draw): KernelConfig {
  const pick = <T>(choices: readonly T[]): T => choices[draw(choices.length)]!;
  const drawn: Omit<KernelConfig, 'realm'> = {
    revision: pick(RELEASED),
    rodata: pick(['full', ...RODATA]),
    kfence: pick(KFENCE),
    debugPagealloc: draw(8) === 0,
    preemptRt: false, // of the revisions that are out none repaints under it without a complaint
  };
  // A realm shares pages before anybody may split blocks, up to 7.0 and without rodata=full: known, and no news.
  const realm = draw(8) === 0 && isSince(drawn.revision, '7.1') && drawn.rodata === 'full';
  return { ...drawn, realm };
}

/**
 * A scenario with a board of its own making keeps it; one about late CPUs gets a late CPU that is worth refusing.
 */
export function boardFor({ scenario, board }: OnBoard, { revision }: KernelConfig, draw: Draw): Board {
  if (typeof scenario.board !== 'string') return board;
  const drawn = drawBoard(draw);
  if (board.lateCpus.length === 0) return drawn;
  const early = drawn.cpus.filter((cpu) => cpuSupportsBbml2Noabort(cpu, revision));
  if (early.length === 0) return board;
  const late = drawn.cpus.find((cpu) => !cpuSupportsBbml2Noabort(cpu, revision)) ?? cpuModel('cortex-a520')!;
  return { ...drawn, cpus: [...early, late], lateCpus: [early.length], summary: `${drawn.summary}; the last one late` };
}
