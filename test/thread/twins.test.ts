import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { properties, type SmallRun, sharedRack } from './small-run.ts';

const run = sharedRack();
const bad = catalogue.filter(({ expect: expected }) => expected !== 'good');

/**
 * Who comes first, or chance, decides whether these bugs show: threads show them in some runs, a scheduler that controls
 * the order in every one. The number is how many runs may go by.
 */
const NOW_AND_THEN: ReadonlyMap<string, number> = new Map([
  ['repaint/boot-cpu-does-not-wait', 40],
  ['repaint/out-of-memory', 40],
  ['repaint/painter-without-bbml2', 10],
]);

describe('every bad twin is caught by the property that it names, on real threads', () => {
  test('the catalogue has bad twins', () => expect(bad.length).toBeGreaterThanOrEqual(12));

  test.each(bad.filter(({ name }) => !NOW_AND_THEN.has(name)))('$name: $expect, in every run', async (scenario) => {
    const seeds = scenario.expect === 'deadlock' ? [1] : [1, 2, 3];
    for (const seed of seeds) {
      const outcome = await run(scenario, { seed });
      expect(properties(outcome), `seed ${seed}`).toContain(scenario.expect);
      expect(outcome.verdict).toBe('violated');
    }
  });

  test.each(bad.filter(({ name }) => NOW_AND_THEN.has(name)))('$name: $expect, in some run', async (scenario) => {
    for (let seed = 1; seed <= NOW_AND_THEN.get(scenario.name)!; seed++)
      if ((await found(scenario, { seed })).includes(scenario.expect)) return;
    expect.fail('never caught');
  });
});

/** What spoke up in a run; nothing where a store through an amalgamated translation has ended the simulator itself. */
async function found(scenario: (typeof bad)[number], how: SmallRun): Promise<string[]> {
  try {
    return properties(await run(scenario, how));
  } catch (error) {
    expect(String(error)).toMatch(/no frame backs|atomic access index/);
    return [];
  }
}
