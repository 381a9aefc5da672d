import { test } from 'vitest';
import { memoryHotplug, memoryHotplugTwins } from '../../../src/scenario/hotplug/memory-hotplug.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

test('memory-hotplug violates nothing, in 6.18 neither', () => {
  expectGood(memoryHotplug, 100);
  expectGood({ ...memoryHotplug, kernel: { revision: '6.18' } }, 50);
});

test('memory-hotplug violates nothing in any order with one preemption', () => expectGoodWithin(memoryHotplug, 1));

test.each(memoryHotplugTwins)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin));
