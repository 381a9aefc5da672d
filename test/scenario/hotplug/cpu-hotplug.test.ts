import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { cpuHotplug, cpuHotplugTwins } from '../../../src/scenario/hotplug/cpu-hotplug.ts';
import { expectCaught, expectGood, explorer } from '../explored.ts';

test.each([2, 3, 4])('cpu-hotplug violates nothing: %i CPUs', (cpus) => expectGood(cpuHotplug, 60, cpus));

test('the CPU that was taken down is off, and counted no more', () => {
  const { run, lanes, machine, kernel } = explorer(cpuHotplug, 3);
  expect(run(randomly(1)).verdict).toBe('good');
  expect(lanes.map(({ cpu }) => cpu.words[CPU_POWER])).toEqual([1, 1, 0]);
  expect(read(machine.memory, variablePa(kernel, 'num_online_cpus'))).toBe(2n);
});

test.each(cpuHotplugTwins)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin, [1], 3));
