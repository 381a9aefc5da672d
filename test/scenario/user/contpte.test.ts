import { describe, expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { asidNotFlushed, asidReuse } from '../../../src/scenario/user/asid-reuse.ts';
import { contpte, contpteTwins, contpteWithoutBbml2 } from '../../../src/scenario/user/contpte.ts';
import { expectCaught, expectGood, expectGoodWithin, explorer } from '../explored.ts';

describe.each([contpte, contpteWithoutBbml2, asidReuse])('$name', (scenario) => {
  test.each([2, 4])('violates nothing in any order that is drawn: %i CPUs', (cpus) => {
    expectGood(scenario, 30, cpus);
  });
});

test('nothing is violated in any order with one preemption', () => expectGoodWithin(asidReuse, 1));

/** The same on CPUs that leave Access flag and dirty state to software: every first store is a fault. */
function byHand(scenario: Scenario): Scenario {
  const board = scenario.board as Board;
  const cpus = board.cpus.map((model) => ({ ...model, features: { ...model.features, hafdbs: 0 as const } }));
  return { ...scenario, board: { ...board, cpus } };
}

test.each([contpte, contpteWithoutBbml2])('$name violates nothing where software keeps the dirty state', (scenario) => {
  expectGood(byHand(scenario), 40, 3);
});

test('with BBML2 old and new entries of a group are cached side by side', () => {
  const it = explorer(contpte);
  let met = 0;
  for (let seed = 1; seed <= 80; seed++) {
    it.run(randomly(seed));
    if (it.counts().bothSizesCached > 0) met++;
  }
  expect(met).toBeGreaterThan(2);
});

test.each([...contpteTwins, asidNotFlushed])('$name comes to $expect, and to nothing else first', (twin) => {
  expectCaught(twin, [1, 2]);
});
