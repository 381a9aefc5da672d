import { expect, test } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { standardProperties } from '../../src/check/standard.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';
import { CONFIGS, good, MEMORY } from './good-scenarios.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();
const runs: RunOutcome[] = [];

test.each(good)('nothing is violated by $name', async (scenario) => {
  const outcome = await run(scenario, { board: smallBoard(scenario.board) });
  expect(complaints(outcome)).toEqual([]);
  expect(outcome.verdict).toBe('good');
  runs.push(outcome);
});

test.each(CONFIGS)('nothing is violated by the repaint with %j', async (kernel) => {
  const outcome = await run(repaint, {
    board: smallBoard('asymmetric-8', { memoryBytes: MEMORY['4K'] }),
    kernel,
    seed: 100,
  });
  expect(complaints(outcome)).toEqual([]);
  expect(outcome.verdict).toBe('good');
  runs.push(outcome);
});

test.each([...boardPresets.keys()])('nothing is violated by the repaint on %s', async (name) => {
  const granule = boardPresets.get(name)!.granule;
  const board = smallBoard(name, { memoryBytes: name === 'two-bank' ? 2 ** 31 + 2 ** 26 : MEMORY[granule] });
  const outcome = await run(repaint, { board, seed: 7 });
  expect(complaints(outcome)).toEqual([]);
  expect(outcome.verdict).toBe('good');
});

test('every CPU of a good run ends its life done or refused, and the dangers were there', () => {
  expect(runs.length).toBe(good.length + CONFIGS.length);
  for (const { results } of runs) expect(results.every(({ end }) => end === 'done' || end === 'refused')).toBe(true);
  for (const { name, mood, seen } of standardProperties)
    if (mood === 'sometimes') expect(runs.filter(({ counts }) => seen!(counts)).length, name).toBeGreaterThan(0);
});
