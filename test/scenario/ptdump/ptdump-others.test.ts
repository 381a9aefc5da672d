import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import {
  collapseUnderDumper,
  ptdumpCollapse,
  ptdumpPud,
  pudFreerTakesNoLock,
} from '../../../src/scenario/ptdump/ptdump-others.ts';
import { expectCaught, expectGood, expectGoodWithin, explorer } from '../explored.ts';

test.each([ptdumpCollapse, ptdumpPud])('$name violates nothing', (scenario) => {
  expectGood(scenario, 30);
  expectGoodWithin(scenario, 1);
});

test.each([collapseUnderDumper, pudFreerTakesNoLock])('$name comes to $expect, and to nothing else first', (twin) =>
  expectCaught(twin, [1]),
);

test('pages of the linear map do become a block again under the dumpers', () => {
  let freed = 0;
  const counted = {
    ...ptdumpCollapse,
    text: (good: Parameters<NonNullable<typeof ptdumpCollapse.circumstances>>[0]) => ({
      ...good,
      collapse: {
        ...good.collapse,
        *retire(...given: Parameters<typeof good.collapse.retire>) {
          freed++;
          yield* good.collapse.retire(...given);
        },
      },
    }),
  };
  expect(explorer(counted).run(randomly(1)).verdict).toBe('good');
  expect(freed).toBe(1);
});
