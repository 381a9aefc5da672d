import { expect, test } from 'vitest';
import { runBoard } from '../../actors/thread/board-run.ts';
import { openRack } from '../../actors/thread/rack.ts';
import { MiB } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';

const ROUNDS = 200;

test(`the good repaint passes ${ROUNDS} times in a row with different seeds, and it was dangerous`, async () => {
  const board = resizedBoard(defaultBoard, { memoryBytes: 256 * MiB });
  const rack = await openRack();
  let bothSizes = 0;
  let staleUses = 0;
  try {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const outcome = await runBoard(rack, {
        board: board,
        scenario: repaint,
        reference: { name: repaint.name },
        kernel: DEFAULT_CONFIG,
        seed,
        noisy: true,
        stallMs: 10_000,
      });
      expect(outcome.violations, `seed ${seed}`).toEqual([]);
      expect(outcome.verdict, `seed ${seed}`).toBe('good');
      bothSizes += outcome.counts.bothSizesCached > 0 ? 1 : 0;
      staleUses += outcome.counts.staleUses > 0 ? 1 : 0;
    }
  } finally {
    await rack.close();
  }
  expect(bothSizes, 'rounds in which some TLB held both sizes').toBeGreaterThan(ROUNDS / 2);
  expect(staleUses, 'rounds in which an old translation was used before its flush completed').toBeGreaterThan(0);
  process.stdout.write(`${ROUNDS} rounds good; both sizes cached in ${bothSizes}, stale uses in ${staleUses}\n`);
});
