import { type Board, MiB } from '../../src/hardware/board/board.ts';
import { boardPresets, cramped } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Boards that the explorer likes: a schedule of theirs fits on a screen. */

const FEW_CPUS = 4;
const oneBlock = boardPresets.get('one-block')!;

/**
 * The board that a scenario of the catalogue is explored on. They are written for boards to be run on threads; here every page
 * is a point, so where only the mix of CPUs matters, one block and four CPUs are enough. A board of its own making it keeps.
 */
export function exploredBoard(scenario: Scenario): Board {
  if (typeof scenario.board !== 'string') return scenario.board;
  const own = boardPresets.get(scenario.board)!;
  if (own.lateCpus.length > 0) return smallOf(own);
  return resizedBoard(oneBlock, { cpus: FEW_CPUS });
}

/**
 * The board's mix of CPUs, at most four, with small TLBs; a tiny kernel and four 2M blocks of memory in one bank: one of them has the
 * kernel, and one the page tables. Throws a RangeError for a board that this makes no sense for.
 */
export function smallOf(board: Board): Board {
  if (board.granule !== '4K') throw new RangeError(`${board.name} has the ${board.granule} granule, not 4K`);
  const { base } = oneBlock.memory[0]!;
  return resizedBoard(
    {
      ...oneBlock,
      name: `small ${board.name}`,
      summary: `the CPUs of ${board.name}, at most four; a tiny kernel and four 2M blocks`,
      memory: [{ base, bytes: 8 * MiB }],
      cpus: board.cpus.map(cramped),
      lateCpus: board.lateCpus,
    },
    { cpus: Math.min(board.cpus.length, FEW_CPUS) },
  );
}
