import { describe, expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { busyScenarios } from '../../../src/scenario/busy/busy-scenarios.ts';
import { defineScenario } from '../../../src/scenario/scenario.ts';
import { expectCaught, expectGood, explorer } from '../explored.ts';

describe.each(busyScenarios)('$name', (scenario) => {
  test('violates nothing', () => expectGood(scenario, 5));

  test('is interrupted on more than one CPU', () => {
    const strikes = new Map<number, number>();
    const counted = defineScenario({
      ...scenario,
      irq: (id) =>
        function* (cpu, k) {
          strikes.set(id, (strikes.get(id) ?? 0) + 1);
          yield* scenario.irq!(id)(cpu, k);
        },
    });
    const { run } = explorer(counted);
    for (let seed = 1; seed <= 3; seed++) expect(run(randomly(seed)).verdict).toBe('good');
    expect(strikes.size).toBeGreaterThan(1);
  });
});

test('what others do besides is held to the same properties: where nothing is flushed after a change, that is found', () => {
  const story = busyScenarios.find(({ name }) => name === 'contpte/busy')!;
  expectCaught(
    defineScenario({
      ...story,
      expect: 'stale',
      text: (good) => ({ ...good, pageattr: { ...good.pageattr, *flush() {} } }),
    }),
    [1],
  );
});
