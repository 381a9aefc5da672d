import { expect, test } from 'vitest';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { hibernate } from '../../../src/scenario/hibernate/hibernate.ts';
import { hibernateTwins } from '../../../src/scenario/hibernate/hibernate-twins.ts';
import { expectCaught, expectGood, explorer } from '../explored.ts';

test.each([1, 2, 4])('violates nothing in any order that is drawn: %i CPUs', (cpus) => expectGood(hibernate, 8, cpus));

test.each(hibernateTwins.filter(({ name }) => name !== 'hibernate/secondaries-stay-on'))(
  '$name comes to $expect, and to nothing else first, alone or not',
  (twin) => {
    expectCaught(twin, [1], 1);
    expectCaught(twin, [1], 3);
  },
);

test('where the other CPUs stay on, what they have cached is not forgotten', () => {
  const twin = hibernateTwins.find(({ name }) => name === 'hibernate/secondaries-stay-on')!;
  expectCaught(twin, [1], 2);
  expectGood({ ...twin, expect: 'good' }, 2, 1); // there is nobody to take down
});

test('in the end the boot CPU alone has power, and no temporary table is left', () => {
  const it = explorer(hibernate, 3);
  const run = it.run({ next: () => 0, chance: () => 0 });
  expect([run.verdict, run.violations]).toEqual(['good', []]);
  expect(it.lanes.map(({ cpu }) => cpu.words[CPU_POWER])).toEqual([1, 0, 0]);
});
