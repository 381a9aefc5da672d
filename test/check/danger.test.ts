import { expect, test } from 'vitest';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { bothSizesCached, staleUse } from '../../src/check/danger.ts';
import { standardProperties } from '../../src/check/standard.ts';
import { load } from '../../src/hardware/instruction/load-store.ts';
import { countsOf } from '../../src/hardware/system.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { speculativeFill } from '../../src/hardware/translation/access.ts';
import { block, change, entryAt, leafTable, page, put, rigOf, run } from './rig.ts';

test('a TLB that holds both sizes of one address is seen, and not before', () => {
  const rig = rigOf({ classes: ['level3'] });
  const cpu = rig.cpus[0]!;
  const va = rig.k.space.pageOffset;
  const entry = entryAt(rig, va, 2);
  put(rig, entry, block(0));
  run(load(cpu, va));
  change(cpu, entry, leafTable(rig, 3, 0));
  expect(bothSizesCached.seen!(countsOf(rig.machine))).toBe(false);
  speculativeFill(cpu, va);
  expect(bothSizesCached.seen!(countsOf(rig.machine))).toBe(true);
});

test('the use of an old translation between TLBI and DSB is seen, and not before', () => {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
  const va = rig.k.space.pageOffset;
  const entry = entryAt(rig, va, 3);
  put(rig, entry, page(0));
  rig.script.deliver = () => 1;
  run(load(reader, va));
  change(cpu, entry, page(0, { AP: 2 }));
  run(load(reader, va));
  expect(staleUse.seen!(countsOf(rig.machine))).toBe(false);
  run(tlbi(cpu, 'vaale1is', encodeVaOperand(va)));
  run(load(reader, va));
  expect(staleUse.seen!(countsOf(rig.machine))).toBe(true);
  expect(rig.reports).toEqual([]);
});

test('each property has a name of its own, says something, and can speak', () => {
  expect(new Set(standardProperties.map(({ name }) => name)).size).toBe(standardProperties.length);
  for (const { says, mood, observe, atRest, seen } of standardProperties) {
    expect(says.length).toBeGreaterThan(20);
    expect(mood === 'sometimes' ? seen : (observe ?? atRest)).toBeTypeOf('function');
  }
});
