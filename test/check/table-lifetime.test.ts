import { describe, expect, test } from 'vitest';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { leak } from '../../src/check/leak.ts';
import { dsb, isb } from '../../src/hardware/barrier.ts';
import { freeFrame } from '../../src/hardware/frame.ts';
import { load } from '../../src/hardware/load-store.ts';
import { read } from '../../src/hardware/memory.ts';
import { tlbi } from '../../src/hardware/tlbi.ts';
import { change, entryAt, leafTable, put, type Rig, rigOf, run, said } from './rig.ts';

/** A table that another CPU walked is unlinked, flushed somehow, and freed; then that CPU goes there again. */
function freed(name: 'vaae1is' | 'vaale1is' | undefined, complete: boolean): Rig {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
  const va = rig.k.space.pageOffset;
  const entry = entryAt(rig, va, 2);
  put(rig, entry, leafTable(rig, 3, 0));
  const table = Number(read(rig.machine.memory, entry) & 0x0000_ffff_ffff_f000n);
  run(load(reader, va));
  rig.script.deliver = () => 1;
  change(cpu, entry, 0n);
  if (name !== undefined) run(tlbi(cpu, name, encodeVaOperand(va)));
  if (complete) run(dsb(cpu, 'ish'));
  run(isb(cpu));
  freeFrame(rig.machine.memory, table);
  run(load(reader, va + 4096));
  return rig;
}

describe('a freed table', () => {
  test('is walked by nobody after __flush_tlb_kernel_pgtable()', () => {
    expect(said(freed('vaae1is', true))).not.toContain('table-lifetime');
  });

  test.each([
    ['nothing was flushed', undefined, false],
    ['the TLBI left table entries alone', 'vaale1is', true],
    ['the TLBI was not completed', 'vaae1is', false],
  ] as const)('is walked when %s', (_, name, complete) => {
    const rig = freed(name, complete);
    expect(said(rig)).toContain('table-lifetime');
    const { message, evidence, remedy, cpu } = rig.reports.find(({ property }) => property === 'table-lifetime')!;
    expect(cpu).toBe(1);
    expect(message).toMatch(/^a walk for 0xffff000000001000 read 0x[0-9a-f]+, which is a freed table page$/);
    expect(evidence).toEqual(['the page has been freed 1 times']);
    expect(remedy).toContain('__flush_tlb_kernel_pgtable()');
  });

  test('that still hangs in the tree is found at rest', () => {
    const rig = rigOf({ classes: ['level3'] });
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    put(rig, entry, leafTable(rig, 3, 0));
    expect(leak.atRest!(rig.machine, rig.k)).toEqual([]);
    freeFrame(rig.machine.memory, Number(read(rig.machine.memory, entry) & 0x0000_ffff_ffff_f000n));
    expect(leak.atRest!(rig.machine, rig.k)).toMatchObject([
      { property: 'table-lifetime', message: '1 linked tables are not allocated', cpu: -1 },
    ]);
  });
});
