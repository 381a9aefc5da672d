import { describe, expect, test } from 'vitest';
import { bounded } from '../../../src/explore/strategy/bounded.ts';
import { type Searched, search } from '../../../src/explore/strategy/search.ts';
import { hotRemove, noGetOnlineMems } from '../../../src/scenario/ptdump/hot-remove.ts';
import { ptdump } from '../../../src/scenario/ptdump/ptdump.ts';
import { ptdumpHarmless } from '../../../src/scenario/ptdump/ptdump-harmless.ts';
import {
  dumperTakesNoLock,
  flushWithoutIsb,
  freerTakesNoLock,
  ptdumpTwins,
} from '../../../src/scenario/ptdump/ptdump-twins.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { expectCaught, expectGood, explorer } from '../explored.ts';

/** All schedules of a freer and a dumper with two preemptions, in which one CPU may execute what it fetched before. */
function within(scenario: Scenario, chances: number, preemptions = 2): Searched {
  const it = explorer(scenario, 2);
  return search(it, bounded(it, { preemptions, hardwareActs: 0, chances }), 0, Infinity);
}

describe('searched to the end', () => {
  test.each([ptdump, hotRemove, ...ptdumpHarmless])('$name violates nothing', (scenario) => {
    const { found, exhausted } = within(scenario, 1);
    expect(found?.run.violations).toBeUndefined();
    expect(exhausted).toBe(true);
  });

  test('without an ISB hardware that is tame does no harm, and hardware that has fetched before does', () => {
    const tame = within(flushWithoutIsb, 0);
    expect(tame.found).toBeUndefined();
    expect(tame.exhausted).toBe(true);
    expect(within(flushWithoutIsb, 1).found?.run.violations[0]?.property).toBe('table-lifetime');
  });
});

test.each([freerTakesNoLock, dumperTakesNoLock])(
  '$name: tame hardware and two preemptions will do, one will not',
  (twin) => {
    expect(within(twin, 0, 1).found).toBeUndefined();
    expect(within(twin, 0, 2).found?.run.violations[0]?.property).toBe('table-lifetime');
  },
);

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

describe('many schedules', () => {
  test.each([2, 3])('of %i CPUs: nothing is violated', (cpus) => {
    for (const scenario of [ptdump, hotRemove, ...ptdumpHarmless]) expectGood(scenario, 5000, cpus);
  });

  test.each([...ptdumpTwins, noGetOnlineMems])('$name reads a table that was freed, whatever the seed', (twin) =>
    expectCaught(twin, SEEDS),
  );
});
