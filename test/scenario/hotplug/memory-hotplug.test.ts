import { test } from 'vitest';
import { memoryHotplug, memoryHotplugTwins } from '../../../src/scenario/hotplug/memory-hotplug.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

test('memory-hotplug violates nothing', () => expectGood(memoryHotplug, 100));

test('in 6.18 nobody asks whether a leaf has to be split, and a part of a contiguous group goes', () =>
  expectCaught({ ...memoryHotplug, kernel: { revision: '6.18' }, expect: 'contiguous' }));

test('memory-hotplug violates nothing in any order with one preemption', () => expectGoodWithin(memoryHotplug, 1));

test.each(memoryHotplugTwins)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin));
