import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { properties, sharedRack } from './small-run.ts';

const run = sharedRack();
const bad = catalogue.filter(({ expect: expected }) => expected !== 'good');

/**
 * The bug is in who comes first, and threads decide that: it shows in some runs. A scheduler that controls the order
 * finds it every time.
 */
const RACES: ReadonlyMap<string, number> = new Map([['repaint/boot-cpu-does-not-wait', 30]]);

describe('every bad twin is caught by the property that it names, on real threads', () => {
  test('the catalogue has bad twins', () => expect(bad.length).toBeGreaterThanOrEqual(11));

  test.each(bad.filter(({ name }) => !RACES.has(name)))('$name: $expect, in every run', async (scenario) => {
    const seeds = scenario.expect === 'deadlock' ? [1] : [1, 2];
    for (const seed of seeds) {
      const outcome = await run(scenario, { seed });
      expect(properties(outcome), `seed ${seed}`).toContain(scenario.expect);
      expect(outcome.verdict).toBe('violated');
    }
  });

  test.each(bad.filter(({ name }) => RACES.has(name)))('$name: $expect, in some run', async (scenario) => {
    for (let seed = 1; seed <= RACES.get(scenario.name)!; seed++) {
      const outcome = await run(scenario, { seed });
      if (outcome.verdict === 'good') continue;
      expect(properties(outcome)).toContain(scenario.expect);
      return;
    }
    expect.fail('never caught');
  });
});
