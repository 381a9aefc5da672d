import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { heldUpCpu } from '../../src/scenario/repaint/repaint.ts';
import { complaints, properties, sharedRack, smallBoard } from './small-run.ts';

const run = sharedRack();
const bad = catalogue.filter(({ expect: expected }) => expected !== 'good');

describe('every bad twin is caught by the property that it names, on real threads', () => {
  test('the catalogue has bad twins', () => expect(bad.length).toBeGreaterThanOrEqual(75));

  test.each(bad)('$name: $expect', async (scenario) => {
    const outcome = await run(scenario, { seed: 1, board: smallBoard(scenario.board) });
    expect(properties(outcome)[0]).toBe(scenario.expect);
    expect(outcome.verdict).toBe('violated');
  });
});

test('a CPU that is held up is no reason to complain of a boot CPU that waits for it', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const outcome = await run(heldUpCpu, { seed, board: smallBoard('asymmetric-8') });
    expect(complaints(outcome), `seed ${seed}`).toEqual([]);
    expect(outcome.verdict).toBe('good');
  }
});
