import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { RELEASED } from '../../../src/kernel/config.ts';
import { debugPagealloc, innerLeaveDefers, noPteIsb } from '../../../src/scenario/hotplug/debug-pagealloc.ts';
import { kfence, kfenceTwins } from '../../../src/scenario/hotplug/kfence.ts';
import { expectCaught, expectGood, expectGoodWithin, explorer } from '../explored.ts';

test.each([2, 3])('kfence violates nothing in any order that is drawn: %i CPUs', (cpus) => {
  expectGood(kfence, 150, cpus);
});

test('kfence violates nothing in any order with one preemption', () => {
  expectGoodWithin(kfence, 1);
});

test('softirqs of kfence do come while the task is in lazy MMU mode', () => {
  const it = explorer(kfence);
  const { percpu } = it.lanes[1]!.kernel;
  let met = 0;
  for (let seed = 1; seed <= 100; seed++) {
    let inside = false;
    it.run(randomly(seed), () => {
      inside ||= percpu.interruptDepth > 0 && percpu.lazyMmu;
    });
    if (inside) met++;
  }
  expect(met).toBeGreaterThan(5);
});

test.each(['v4', 'v5'] as const)('%s, as posted, splits in softirqs', (revision) => {
  expectCaught({ ...kfence, kernel: { ...kfence.kernel, revision }, expect: 'context' });
});

test.each([...RELEASED, 'rox-rfc'] as const)('kfence violates nothing in %s', (revision) => {
  expectGood({ ...kfence, kernel: { ...kfence.kernel, revision } }, 50);
});

test.each(kfenceTwins)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin));

test('debug-pagealloc violates nothing', () => {
  expectGood(debugPagealloc, 150);
  expectGoodWithin(debugPagealloc, 1);
});

test.each([innerLeaveDefers, noPteIsb])('$name comes to $expect, and to nothing else first', (twin) =>
  expectCaught(twin),
);

test('v4, as posted, would split for debug_pagealloc in softirqs', () => {
  expectCaught({ ...debugPagealloc, kernel: { ...debugPagealloc.kernel, revision: 'v4' }, expect: 'context' });
});
