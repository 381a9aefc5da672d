import { expect, test } from 'vitest';
import { branch, NOP } from '../../src/arch/instruction.ts';
import { machineHash } from '../../src/explore/machine-hash.ts';
import { refetch, textStored } from '../../src/hardware/memory/instruction-memory.ts';
import { litmus } from './litmus.ts';

test('a machine is another where a CPU may execute another instruction, or has maintenance under way', () => {
  const { machine, lanes } = litmus([function* () {}, function* () {}]).interleaver;
  const { memory } = machine;
  const now = (): number => machineHash(machine, lanes);
  const before = now();
  textStored(memory, 0, branch(4));
  const both = now();
  expect(both).not.toBe(before);
  const [cpu] = [lanes[0]!.cpu];
  cpu.ownText.push({ operation: 'clean', index: 0, stored: 1, unified: 3 });
  expect(now()).not.toBe(both);
  cpu.ownText.length = 0;
  expect(now()).toBe(both);
  textStored(memory, 0, NOP); // merely counted: all caches may hold either already
  refetch(memory, 1);
  expect(now()).toBe(both);
});
