import { describe, test } from 'vitest';
import { hotRemove, noGetOnlineMems } from '../../../src/scenario/ptdump/hot-remove.ts';
import { ptdump } from '../../../src/scenario/ptdump/ptdump.ts';
import { ptdumpHarmless } from '../../../src/scenario/ptdump/ptdump-harmless.ts';
import { flushWithoutIsb, ptdumpTwins } from '../../../src/scenario/ptdump/ptdump-twins.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

/** A seed that comes to what takes three CPUs' steps in a certain order before long. */
const RARE = 10;

describe('dumping while tables are freed', () => {
  test.each([2, 3])('violates nothing: %i CPUs', (cpus) => expectGood(ptdump, 60, cpus));

  test.each([hotRemove, ...ptdumpHarmless])('$name violates nothing', (scenario) => expectGood(scenario, 40, 2));

  test.each([ptdump, hotRemove, ...ptdumpHarmless])(
    '$name: no schedule with one preemption violates anything',
    (scenario) => expectGoodWithin(scenario, 1),
  );

  test.each([...ptdumpTwins, noGetOnlineMems])('$name reads a table that was freed', (twin) => {
    expectCaught(twin, [twin === flushWithoutIsb ? RARE : 1]);
  });
});
