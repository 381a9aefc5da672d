import { describe, expect, test } from 'vitest';
import { type Board, granuleBytes, granules, MiB } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board/board-resize.ts';
import { poolPlace } from '../../src/hardware/memory/layout.ts';
import { createMachine } from '../../src/hardware/system.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { moduleArea } from '../../src/scenario/places.ts';

/** The board with as little memory as it may have, to the MiB. */
function smallest(board: Board): Board {
  for (let mib = 1; ; mib++) {
    const result = resizeBoard(board, { memoryBytes: mib * MiB });
    if (!result.ok) continue;
    const tableBytes = tablePagesNeeded(result.board) * granuleBytes(result.board.granule);
    if (poolPlace(result.board, tableBytes) !== undefined) return result.board;
  }
}

function kernelOn(board: Board): Kernel {
  const { layout } = createMachine(board, { poolFrames: 1 });
  return createKernel(board, layout, DEFAULT_CONFIG, kernelText('6.18'));
}

const boards = [...boardPresets.values()].flatMap((preset) =>
  granules
    .map((granule) => resizeBoard(preset, { granule, cpus: 2 }))
    .flatMap((result) => (result.ok ? [result.board] : [])),
);

describe.each(boards)('the pages of modules on $name, $granule granule', (board) => {
  test.each([
    ['as it is', board],
    ['as small as it may be', smallest(board)],
  ])('are RAM that nobody else has, %s', (_, sizedBoard) => {
    const k = kernelOn(sizedBoard);
    const { pageBytes } = k.space.granule;
    const { pa, pages } = moduleArea(k);
    const end = pa + pages * pageBytes;
    expect(pages).toBeGreaterThan(0);
    expect(sizedBoard.memory.some(({ base, bytes }) => pa >= base && end <= base + bytes)).toBe(true);
    expect(end <= k.space.text || pa >= k.space.end, 'the kernel image').toBe(true);
    const tables = tablePagesNeeded(sizedBoard) * pageBytes;
    const pool = poolPlace(sizedBoard, tables)!;
    expect(end <= pool || pa >= pool + tables, 'the page tables').toBe(true);
  });

  test('begin a block where there is room', () => expect(moduleArea(kernelOn(board)).pa % (2 * MiB)).toBe(0));
});
