import { expect, test } from 'vitest';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { interruptedRepaint } from '../../src/scenario/interrupts/interrupted-repaint.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();

test.each(['asymmetric-8', 'late-cpu'])(
  'interrupted-repaint on %s: whoever reads waits for the handlers, a late CPU too',
  async (name) => {
    const board = smallBoard(boardPresets.get(name)!);
    const late = name === 'late-cpu' ? { ...board, lateCpus: [3], cpus: board.cpus.map(() => board.cpus[0]!) } : board;
    const outcome = await run(interruptedRepaint, { board: late, stallMs: 5000 });
    expect(complaints(outcome)).toEqual([]);
    expect(outcome.verdict).toBe('good');
  },
);
