import { describe, expect, test } from 'vitest';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { leak } from '../../../src/check/lifetime/leak.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { allocateFrame, FRAME_TABLE, freeFrame, placeTable } from '../../../src/hardware/memory/frame.ts';
import { read as memoryWord } from '../../../src/hardware/memory/memory.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { pgtableFree } from '../../../src/kernel/tables/pgalloc.ts';
import { linkOf, readEntry } from '../../../src/kernel/tables/table-link.ts';
import { change, entryAt, flush, leafTable, put, type Rig, rigOf, run, said } from '../rig.ts';

/** A table that another CPU walked is unlinked, flushed somehow, and freed; then that CPU goes there again. */
function freed(name: 'vaae1is' | 'vaale1is' | undefined, complete: boolean): Rig {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
  const va = rig.k.space.pageOffset;
  const entry = entryAt(rig, va, 2);
  put(rig, entry, leafTable(rig, 3, 0));
  const table = Number(memoryWord(rig.machine.memory, entry) & 0x0000_ffff_ffff_f000n);
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

  test.each([
    ['what led there was flushed, and that is complete', 'vaae1is', true, ''],
    ['nothing was flushed', undefined, false, '__flush_tlb_kernel_pgtable() (TLBI'],
    ['the TLBI left table entries alone', 'vaale1is', true, '__flush_tlb_kernel_pgtable() (TLBI'],
    ['the TLBI was not completed', 'vaae1is', false, 'a DSB ISH between the TLBI and freeing the table'],
  ] as const)('is judged when it is freed: %s', (_, name, complete, remedy) => {
    for (const after of [0n, undefined]) {
      const rig = rigOf({ classes: ['level3', 'level3'] });
      const cpu = rig.cpus[0]!;
      const va = rig.k.space.pageOffset;
      const entry = entryAt(rig, va, 2);
      const before = leafTable(rig, 3, 0);
      put(rig, entry, before);
      const table = Number(before & 0x0000_ffff_ffff_f000n);
      change(cpu, entry, after ?? memoryWord(rig.machine.memory, table) & ~2n); // nothing, or the block it is made of
      if (name !== undefined) run(tlbi(cpu, name, encodeVaOperand(va)));
      if (complete) run(dsb(cpu, 'ish'));
      cpu.observer.tableFreed(cpu, table);
      const reports = rig.reports.filter(({ property }) => property === 'table-lifetime');
      expect(reports.map((report) => report.remedy.includes(remedy))).toEqual(remedy === '' ? [] : [true]);
    }
  });

  test('that still hangs in the tree is found at rest', () => {
    const rig = rigOf({ classes: ['level3'] });
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    put(rig, entry, leafTable(rig, 3, 0));
    expect(leak.atRest!(rig.machine, rig.k)).toEqual([]);
    freeFrame(rig.machine.memory, Number(memoryWord(rig.machine.memory, entry) & 0x0000_ffff_ffff_f000n));
    expect(leak.atRest!(rig.machine, rig.k)).toMatchObject([
      { property: 'table-lifetime', message: '1 linked tables are not allocated', cpu: -1 },
    ]);
  });
});

describe('a walk in software', () => {
  const va = -(2 ** 48);

  /** A walk that has read the way to the table for `va`, and what became of that before it reads an entry there. */
  function read(became: (rig: Rig, table: number) => void): Rig {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const cpu = rig.cpus[1]!;
    const entry = entryAt(rig, va, 2);
    put(rig, entry, leafTable(rig, 3, 0));
    const value = memoryWord(rig.machine.memory, entry);
    const link = linkOf(cpu, value);
    // The tables of this machine have no linear map to be reached through: the walk goes by the fixmap.
    const k = { ...rig.k, symbols: { ...rig.k.symbols, swapperPgDir: link.pa } };
    became(rig, link.pa);
    run(readEntry(cpu, k, link, 3, va));
    return rig;
  }

  test('of a table that is still there says nothing', () => {
    expect(said(read(() => {}))).toEqual([]);
  });

  test('of one that another table has taken the place of in the tree, but that is not freed, says nothing', () => {
    expect(said(read((rig) => put(rig, entryAt(rig, va, 2), 0n)))).toEqual([]);
  });

  test('of a freed one is a use after free', () => {
    const rig = read(({ machine }, table) => freeFrame(machine.memory, table));
    const [{ property, cpu, message, evidence, remedy }] = rig.reports as [(typeof rig.reports)[0]];
    expect(property).toBe('table-lifetime');
    expect(cpu).toBe(1);
    expect(message).toMatch(
      /^a walk in software for 0xffff000000000000 read 0x[0-9a-f]+, which is a freed table page$/,
    );
    expect(evidence).toEqual(['the page has been freed 1 times', 'it was a table when the walk read the way to it']);
    expect(remedy).toContain('arm64_ptdump_lock_key');
  });

  test('of one that was freed and is a table again is one too: its generation tells', () => {
    const rig = read(({ machine: { memory } }, table) => {
      freeFrame(memory, table);
      while (allocateFrame(memory, FRAME_TABLE) !== table);
    });
    expect(said(rig)).toEqual(['table-lifetime']);
    expect(rig.reports[0]!.message).toContain('which is a table page that was freed and is another one by now');
  });

  test('that read the way to a page that was freed by then is one too', () => {
    const rig = rigOf({ classes: ['level3'] });
    const table = Number(leafTable(rig, 3, 0) & 0x0000_ffff_ffff_f000n);
    freeFrame(rig.machine.memory, table);
    const cpu = rig.cpus[0]!;
    const link = linkOf(cpu, BigInt(table) | 3n);
    while (allocateFrame(rig.machine.memory, FRAME_TABLE) !== table);
    const k = { ...rig.k, symbols: { ...rig.k.symbols, swapperPgDir: table } };
    run(readEntry(cpu, k, link, 3, va));
    expect(said(rig)).toEqual(['table-lifetime']);
    expect(rig.reports[0]!.evidence).toContain('it was no table when the walk read the way to it');
  });
});

describe('a root', () => {
  test.each([
    [true, ['table-lifetime']],
    [false, []],
  ] as const)('that is freed while a CPU walks from it is one too: in TTBR1_EL1 %j', (held, expected) => {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const { space, symbols } = rig.k;
    const root = Number(leafTable(rig, 3, 0) & 0x0000_ffff_ffff_f000n);
    placeTable(rig.machine.memory, root, space.startLevel, space.pageOffset, root);
    for (const to of held ? [root] : [root, symbols.reservedPgDir]) {
      run(msr(rig.cpus[1]!, 'TTBR1_EL1', ttbr(to)));
      run(isb(rig.cpus[1]!));
    }
    if (!held) flush(rig.cpus[1]!, 'vmalle1');
    pgtableFree(rig.cpus[0]!, root);
    expect(said(rig)).toEqual(expected);
  });
});
