import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { offlineRepaint, offlineRepaintTwins } from '../../../src/scenario/hotplug/offline-repaint.ts';
import { covered } from '../../explore/covered.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

test.each([2, 3, 4])('offline-repaint violates nothing: %i CPUs', (cpus) => expectGood(offlineRepaint, 60, cpus));

test('nor does it in any schedule of three CPUs without a preemption', () => expectGoodWithin(offlineRepaint, 0, 3));

test('the CPU goes before the repaint or after it, is off at the end, and the charts of all accept it', () => {
  const { interleaver } = covered(offlineRepaint);
  const { run, lanes, machine, kernel } = interleaver;
  const flag = variablePa(kernel, 'idmap_kpti_bbml2_flag');
  const parked = new Set<bigint>();
  for (let seed = 1; seed <= 20; seed++) {
    let most = 0n;
    const { verdict, violations } = run(randomly(seed), () => {
      const now = read(machine.memory, flag);
      if (now > most) most = now;
    });
    expect({ verdict, violations }).toEqual({ verdict: 'good', violations: [] });
    expect(lanes.map(({ cpu }) => cpu.words[CPU_POWER])).toEqual([1, 1, 0]);
    expect(read(machine.memory, variablePa(kernel, 'num_online_cpus'))).toBe(2n);
    parked.add(most);
  }
  expect([...parked].sort()).toEqual([2n, 3n]);
});

test.each(offlineRepaintTwins)('$name comes to $expect, and to nothing else first', (twin) =>
  expectCaught(twin, [1], 3),
);
