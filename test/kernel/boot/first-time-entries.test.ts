import { describe, expect, it } from 'vitest';
import { tableDescriptor } from '../../../src/arch/descriptor.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { storeRun } from '../../../src/hardware/instruction/table-fill.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { createPgdMappingLocked, type MappingFlags } from '../../../src/kernel/linear-map/linear-map.ts';
import { earlyPgtableAlloc } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../../../src/kernel/tables/tlbflush.ts';
import { change, entryAt, newTable, page, type Rig, rigOf, run, said } from '../../check/rig.ts';

/** Entries that nothing was mapped at before: no walker sees them too early, no check overlooks them. */

const PAGES: MappingFlags = { noBlock: true, noCont: true, noExec: true };
const PAGE = 4096;

/** Two CPUs that run, and RAM that nothing maps yet. */
function rigWithRam(): Rig & { pa: number; va: number; map: (pa: number, pages: number) => void } {
  const rig = rigOf({ classes: ['level2-noabort', 'level0'] });
  const { k, cpus, root } = rig;
  const pa = k.board.memory[0]!.base;
  const va = physToVirt(k.space, pa);
  const map = (from: number, pages: number): void => {
    run(createPgdMappingLocked(cpus[0]!, k, root, from, va, pages * PAGE, PAGE_KERNEL, PAGES));
  };
  return { ...rig, pa, va, map };
}

describe('mapping where nothing was mapped', () => {
  it('draws no complaint, and both CPUs reach it', () => {
    const rig = rigWithRam();
    rig.map(rig.pa, 4);
    for (const cpu of rig.cpus) expect(run(load(cpu, rig.va + 3 * PAGE))).toBeTypeOf('bigint');
    expect(said(rig)).toEqual([]);
  });

  it('again, elsewhere, is the second half of break-before-make: the first must have been completed', () => {
    for (const flushed of [false, true]) {
      const rig = rigWithRam();
      const [cpu] = rig.cpus;
      rig.map(rig.pa, 4);
      change(cpu!, entryAt(rig, rig.va + PAGE, 3), 0n);
      if (flushed) run(flushTlbKernelRange(cpu!, rig.k, rig.va + PAGE, rig.va + 2 * PAGE));
      run(createPgdMappingLocked(cpu!, rig.k, rig.root, rig.pa + 9 * PAGE, rig.va + PAGE, PAGE, PAGE_KERNEL, PAGES));
      expect(said(rig)).toEqual(flushed ? [] : ['bbm']);
    }
  });

  it('shows at the next barrier and perhaps not before: without one, the other CPU may fault', () => {
    for (const barrier of [false, true]) {
      const rig = rigWithRam();
      const [cpu, other] = rig.cpus;
      rig.map(rig.pa, 1);
      const entry = entryAt(rig, rig.va + PAGE, 3);
      run(storeRun(cpu!, FIXMAP + entry, 2, page(rig.pa + PAGE), PAGE));
      if (barrier) run(dsb(cpu!, 'ishst'));
      run(load(other!, rig.va + 2 * PAGE));
      expect(said(rig)).toEqual(barrier ? [] : ['spurious-fault']);
    }
  });

  it('needs the zeroes of a new table to be visible before the table is', () => {
    for (const barrier of [false, true]) {
      for (const youngestFirst of [false, true]) {
        const rig = rigWithRam();
        const [cpu] = rig.cpus;
        const parent = entryAt(rig, rig.va, 2);
        if (youngestFirst) rig.script.drain = (bound) => bound - 1;
        const table = run(earlyPgtableAlloc(cpu!)) as number;
        if (barrier) run(dsb(cpu!, 'ishst'));
        change(cpu!, parent, tableDescriptor(table));
        expect(said(rig)).toEqual(barrier ? [] : ['spurious-fault']);
      }
    }
  });
});

it('a run over entries of a table that hangs nowhere is nobody’s business', () => {
  const rig = rigWithRam();
  run(storeRun(rig.cpus[0]!, FIXMAP + newTable(rig), 8, page(rig.pa), PAGE));
  run(dsb(rig.cpus[0]!, 'ish'));
  expect(said(rig)).toEqual([]);
});
