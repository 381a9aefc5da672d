import { expect, test } from 'vitest';
import { batching } from '../../../src/check/break-before-make/batching.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { block, change, entryAt, leafTable, put, rigOf, run, said } from '../rig.ts';

const GiB = 2 ** 30;

/** What is said to a block that becomes a table after so many barriers. */
function judged(barriers: number, after: 'table' | 'block'): string[] {
  const rig = rigOf({ classes: ['level2-noabort'], properties: [batching] });
  const va = rig.k.space.pageOffset + 16 * GiB;
  const cpu = rig.cpus[0]!;
  put(rig, entryAt(rig, va, 2), block(16 * GiB));
  change(cpu, entryAt(rig, va + 2 ** 21, 2), block(16 * GiB + 2 ** 21)); // from here on is counted
  for (let i = 0; i < barriers; i++) run(dsb(cpu, 'ishst'));
  change(cpu, entryAt(rig, va, 2), after === 'table' ? leafTable(rig, 3, 16 * GiB) : block(16 * GiB, { AP: 2 }));
  return said(rig);
}

test('a barrier for each entry of the new table is one too many, a few are not', () => {
  expect(judged(512, 'table')).toEqual(['batching']);
  expect(judged(3, 'table')).toEqual([]);
});

test('what is no split may have its reasons', () => expect(judged(600, 'block')).toEqual([]));
