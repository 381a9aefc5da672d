import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { ghes, ghesInheritsLazyMode } from '../../../src/scenario/interrupts/ghes.ts';
import { handlerFaultsIn, interruptedContpte } from '../../../src/scenario/interrupts/interrupted-contpte.ts';
import { interruptedRepaint, interruptsOnInIdmap } from '../../../src/scenario/interrupts/interrupted-repaint.ts';
import { interruptedSplit, interruptedSplitTwins } from '../../../src/scenario/interrupts/interrupted-split.ts';
import { handlerPurges, interruptedVmap } from '../../../src/scenario/interrupts/interrupted-vmap.ts';
import { defineScenario, type Scenario } from '../../../src/scenario/scenario.ts';
import { expectCaught, expectGood, expectGoodWithin, explorer } from '../explored.ts';

/** Calls of the device's handler in one run, and how many of them found interrupts masked, as a handler of its own should. */
function handled(scenario: Scenario, cpus?: number): { calls: number; masked: number } {
  const seen = { calls: 0, masked: 0 };
  const counted = defineScenario({
    ...scenario,
    irq: (id) =>
      function* (cpu, k) {
        seen.calls++;
        if (cpu.irqMasked) seen.masked++;
        yield* scenario.irq!(id)(cpu, k);
      },
  });
  expect(explorer(counted, cpus).run(randomly(1)).verdict).toBe('good');
  return seen;
}

test('interrupted-split violates nothing', () => expectGood(interruptedSplit, 15));

test('the device does strike while a gigabyte falls apart', () => {
  const { calls, masked } = handled(interruptedSplit);
  expect(calls).toBeGreaterThanOrEqual(4);
  expect(masked).toBe(calls);
});

test.each(interruptedSplitTwins)('$name comes to $expect, and to nothing else first', (twin) =>
  expectCaught(twin, [1]),
);

test('interrupted-repaint violates nothing, in any order with one preemption neither', () => {
  expectGood(interruptedRepaint, 50);
  expectGoodWithin(interruptedRepaint, 1);
});

test('what the device wanted in the middle of the repaint is done once after it, by every CPU', () => {
  expect(handled(interruptedRepaint, 4).calls).toBe(4);
});

test('interrupts that are let in where there is no vector come to spurious-fault', () =>
  expectCaught(interruptsOnInIdmap, [1]));

test.each([interruptedVmap, interruptedContpte, ghes])('$name violates nothing, and is interrupted', (scenario) => {
  expectGood(scenario, 15);
  expect(handled(scenario).calls).toBeGreaterThanOrEqual(4);
});

test.each([handlerPurges, handlerFaultsIn, ghesInheritsLazyMode])(
  '$name comes to $expect, and to nothing else first',
  (twin) => expectCaught(twin, [1]),
);
