import { describe, expect, test } from 'vitest';
import { tableDescriptor } from '../../../src/arch/descriptor.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { branchTo } from '../../../src/hardware/instruction/branch.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { fillTable, storeRun } from '../../../src/hardware/instruction/table-fill.ts';
import { placeTable } from '../../../src/hardware/memory/frame.ts';
import { drainSome } from '../../../src/hardware/store-buffer/drain.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { imageVa, physToVirt } from '../../../src/kernel/address-space.ts';
import { idmapFlag, ttbr } from '../../../src/kernel/boot/idmap.ts';
import { block, change, entryAt, newTable, page, put, type Rig, rigOf, run, said, write } from '../rig.ts';

describe('a fault', () => {
  const rigWithPage = (attributes = {}) => {
    const rig = rigOf({ classes: ['level3'] });
    const pa = rig.k.board.memory[0]!.base;
    const va = physToVirt(rig.k.space, pa);
    put(rig, entryAt(rig, va, 3), page(pa, attributes));
    return { ...rig, va };
  };

  test('on a mapped address does not happen', () => {
    const rig = rigWithPage();
    run(load(rig.cpus[0]!, rig.va));
    expect(said(rig)).toEqual([]);
  });

  test('on RAM in the linear map says what was promised', () => {
    const rig = rigWithPage();
    run(load(rig.cpus[0]!, rig.va + 4096));
    expect(said(rig)).toEqual(['spurious-fault']);
    expect(rig.reports[0]!.message).toMatch(
      /^translation fault, level 3: EL1 read at 0xffff.*: RAM is mapped in the linear map$/,
    );
    expect(rig.reports[0]!.evidence).toEqual([
      'TTBR0_EL1 reserved_pg_dir; TTBR1_EL1 swapper_pg_dir',
      ...['PGD', 'PUD', 'PMD'].map((level) =>
        expect.stringMatching(new RegExp(`^${level} {2}0x[0-9a-f]{16} {2}table 0x`)),
      ),
      'PTE  0x0000000000000000  nothing',
    ]);
  });

  test('where nothing is promised is one that nobody handles', () => {
    const rig = rigWithPage();
    run(load(rig.cpus[0]!, rig.k.space.pageEnd - 4096));
    expect(rig.reports[0]!.message).toMatch(/^translation fault.*, which nobody handles$/);
  });

  test('for want of a right names the access', () => {
    const write = rigWithPage({ AP: 2, DBM: 0 });
    run(store(write.cpus[0]!, write.va, 1n));
    expect(write.reports[0]!.message).toMatch(/^permission fault, level 3: EL1 write at/);
    const execute = rigWithPage();
    run(branchTo(execute.cpus[0]!, execute.va));
    expect(execute.reports[0]!.message).toMatch(
      /^permission fault, level 3: EL1 execute at|^permission fault, level 3: EL1 .*exec/,
    );
  });

  test('of a parked CPU on the repaint flag says who had to map it', () => {
    const rig = rigWithPage();
    run(store(rig.cpus[0]!, idmapFlag(rig.k), 1n));
    expect(rig.reports[0]!.message).toContain('parked CPUs reach the repaint flag through the idmap');
    expect(rig.reports[0]!.remedy).toContain('create_idmap()');
    expect(rig.reports[0]!.evidence.slice(1)).toEqual(['PGD  0x0000000000000000  nothing']); // the idmap's own half
  });

  test('in the kernel image says that it is mapped', () => {
    const rig = rigWithPage();
    run(load(rig.cpus[0]!, imageVa(rig.k.space, rig.k.space.text)));
    expect(rig.reports[0]!.message).toContain('the kernel image is mapped');
  });
});

describe('a table', () => {
  /** A block is split as split_pmd() does it: `barrier` or none, and what leaves the store buffer `first`. */
  function split(barrier: boolean, first: 'link' | 'fill'): Rig {
    const rig = rigOf({ classes: ['level3'] });
    const cpu = rig.cpus[0]!;
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    put(rig, entry, block(0));
    const table = newTable(rig);
    run(fillTable(cpu, FIXMAP + table, page(0), 4096));
    if (barrier) run(dsb(cpu, 'ishst'));
    write(cpu, entry, tableDescriptor(table));
    rig.script.drain = (bound) => (first === 'link' ? bound - 1 : 0);
    run(dsb(cpu, 'ishst'));
    return rig;
  }

  test.each(['link', 'fill'] as const)(
    'that is linked after a barrier is whole, also where the %s drains first',
    (first) => expect(said(split(true, first))).toEqual([]),
  );

  test.each(['link', 'fill'] as const)(
    'that is linked without one is caught, also where the %s drains first',
    (first) => {
      const rig = split(false, first);
      expect(said(rig)).toEqual(['spurious-fault']);
      expect(rig.reports[0]!.evidence).toEqual([
        expect.stringMatching(
          /^table at 0x[0-9a-f]+, filled .* at step \d+ and linked at step \d+, without a DSB between$/,
        ),
      ]);
    },
  );

  test('that is filled in between other work is caught as well', () => {
    const rig = rigOf({ classes: ['level3'] });
    const cpu = rig.cpus[0]!;
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    const table = newTable(rig);
    run(fillTable(cpu, FIXMAP + table, page(0), 4096));
    for (let i = 0; i < 40; i++) run(isb(cpu)); // more records than the check first looks at
    write(cpu, entry, tableDescriptor(table));
    run(dsb(cpu, 'ishst'));
    expect(said(rig)).toEqual(['spurious-fault']);
  });

  test('may be filled after it was linked', () => {
    const rig = rigOf({ classes: ['level3'] });
    const cpu = rig.cpus[0]!;
    const table = newTable(rig);
    write(cpu, entryAt(rig, rig.k.space.pageOffset, 2), tableDescriptor(table));
    run(storeRun(cpu, FIXMAP + table, 512, page(0), 4096));
    run(dsb(cpu, 'ishst'));
    expect(said(rig)).toEqual([]);
  });

  test('of zeroes may be linked where nothing was', () => {
    const rig = rigOf({ classes: ['level0'] });
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    change(rig.cpus[0]!, entry, tableDescriptor(newTable(rig)));
    expect(said(rig)).toEqual([]);
  });
});

describe('a tree that no CPU walks yet', () => {
  /** A root with a table, linked with no barrier after the fill; then TTBR1 is to hold it. */
  function enter(barrier: boolean): Rig {
    const rig = rigOf({ classes: ['level3'] });
    const cpu = rig.cpus[0]!;
    const { space } = rig.k;
    const [root, table] = [newTable(rig), newTable(rig)];
    placeTable(rig.machine.memory, root, space.startLevel, space.pageOffset, root);
    run(fillTable(cpu, FIXMAP + table, 0n, 0));
    write(cpu, root, tableDescriptor(table));
    rig.script.drain = (bound) => bound - 1; // the link first
    if (barrier) run(dsb(cpu, 'ishst'));
    else drainSome(cpu);
    expect(said(rig)).toEqual([]);
    run(msr(cpu, 'TTBR1_EL1', ttbr(root)));
    return rig;
  }

  test('may be linked in any order, if a barrier comes before TTBRn_EL1 holds it', () => {
    expect(said(enter(true))).toEqual([]);
    const rig = enter(false);
    expect(said(rig)).toEqual(['spurious-fault']);
    expect(rig.reports[0]!.message).toMatch(/^TTBRn_EL1 was to lead to tables that no barrier has made visible/);
  });
});
