import { expect, test } from 'vitest';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { cpuReturns } from '../../../src/scenario/hotplug/cpu-returns.ts';
import { expectGood, explorer } from '../explored.ts';

test.each([2, 3, 4])('cpu-returns violates nothing: %i CPUs', (cpus) => expectGood(cpuReturns, 30, cpus));

test('the CPU that was taken down is on again, and counted', () => {
  const { run, lanes, machine, kernel } = explorer(cpuReturns, 3);
  expect(run(randomly(1)).verdict).toBe('good');
  expect(lanes.map(({ cpu }) => cpu.words[CPU_POWER])).toEqual([1, 1, 1]);
  expect(read(machine.memory, variablePa(kernel, 'num_online_cpus'))).toBe(3n);
});
