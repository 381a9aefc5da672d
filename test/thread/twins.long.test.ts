import { describe, expect, test } from 'vitest';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { heldUpCpu } from '../../src/scenario/repaint/repaint.ts';
import { complaints, properties, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();
const bad = catalogue.filter(({ expect: expected }) => expected !== 'good');

/** Two CPUs, one of each kind, and hardly any memory: few tables to split, and nobody else to race with. */
const SMALLEST = { cpus: 2, memoryBytes: 36 * 2 ** 20 } as const;

/** One CPU goes, one takes it down, and a third stops the machine. */
const LEAST_CPUS = new Map([['cpu-hotplug/stop-without-lock', 3]]);

describe('every bad twin is caught by the property that it names, on real threads, in every run and on boards of any size', () => {
  const boards: readonly [string, (board: string | Board) => Board, readonly number[]][] = [
    ['a small board', (board) => smallBoard(board), [1, 2, 3]],
    ['the smallest board', (board) => smallBoard(board, SMALLEST), [1, 2, 3, 4, 5, 6]],
    ['the board of its own', (board) => (typeof board === 'string' ? boardPresets.get(board)! : board), [1]],
  ];
  describe.each(boards)('%s', (_, sized, seeds) => {
    test.each(bad)('$name: $expect', async (scenario) => {
      const board = sized(scenario.board);
      if (board.cpus.length < (LEAST_CPUS.get(scenario.name) ?? 2)) return;
      for (const seed of scenario.expect === 'deadlock' ? seeds.slice(0, 1) : seeds) {
        const outcome = await run(scenario, { seed, board });
        expect(properties(outcome)[0], `seed ${seed}`).toBe(scenario.expect);
        expect(outcome.verdict).toBe('violated');
      }
    });
  });
});

test('a CPU that is held up is no reason to complain of a boot CPU that waits for it', async () => {
  for (let seed = 1; seed <= 20; seed++)
    for (const board of [smallBoard('asymmetric-8'), smallBoard('asymmetric-8', SMALLEST)]) {
      const outcome = await run(heldUpCpu, { seed, board });
      expect(complaints(outcome), `seed ${seed}`).toEqual([]);
      expect(outcome.verdict).toBe('good');
    }
});
