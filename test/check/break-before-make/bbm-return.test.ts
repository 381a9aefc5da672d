import { describe, expect, test } from 'vitest';
import { bbm } from '../../../src/check/break-before-make/bbm.ts';
import { bbmClasses } from '../../../src/hardware/board/board.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { speculativeFill } from '../../../src/hardware/translation/access.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import {
  block,
  change,
  entryAt,
  flush,
  leafTable,
  page,
  powerOn,
  put,
  type Rig,
  rigOf,
  run,
  said,
  write,
} from '../rig.ts';
import { type Away, away, comeBack, GiB, leave, PA, split } from './away.ts';

describe('a CPU that comes back with an old block in its TLB, where pages are now', () => {
  test.each(bbmClasses)('is caught as it writes TTBR1, unless its class allows that: %s', (weakest) => {
    const gone = away({ weakest });
    split(gone);
    run(msr(gone.weak, 'TTBR1_EL1', ttbr(gone.rig.root))); // its walker may begin there before any ISB
    const expected = weakest === 'level0' || weakest === 'level1' ? ['bbm'] : [];
    expect(said(gone.rig)).toEqual(expected);
    run(msr(gone.weak, 'TTBR0_EL1', ttbr(gone.rig.k.symbols.reservedPgDir))); // nothing new
    run(isb(gone.weak));
    expect(said(gone.rig)).toEqual(expected);
  });

  test('is caught once, however many there are', () => {
    const gone = away();
    const { rig, painter, weak, va } = gone;
    const other = entryAt(rig, va + 2 ** 21, 2);
    put(rig, other, block(PA + 2 ** 21));
    comeBack(gone);
    run(load(weak, va + 2 ** 21));
    leave(rig, weak);
    split(gone);
    change(painter, other, leafTable(rig, 3, PA + 2 ** 21));
    comeBack(gone);
    expect(said(rig)).toEqual(['bbm']);
  });

  test('is told which entry, what is there now, and which instructions are missing', () => {
    const gone = away();
    split(gone);
    comeBack(gone);
    const { cpu, message, evidence, remedy } = gone.rig.reports[0]!;
    expect(cpu).toBe(1);
    expect(message).toBe(
      'CPU 1, whose BBM class is level0, came back to tables of which its TLB still holds an old entry, for 0xffff000400000000..0xffff000400200000: the one it can walk to now has another size',
    );
    const text = evidence.join('\n');
    expect(text).toMatch(/^size {2}2M$/m);
    expect(text).toMatch(/^from {2}PMD 0x/m);
    expect(text).toMatch(/^now {3}0x[0-9a-f]{16} .* at level 3$/m);
    expect(text).toMatch(/^roots TTBR0_EL1 .*; TTBR1_EL1 reserved_pg_dir, swapper_pg_dir written but no ISB since$/m);
    expect(remedy).toMatch(/TLBI VMALLE1 and DSB NSH .*__idmap_cpu_set_reserved_ttbr1/);
  });

  test('really may find both from then on', () => {
    const gone = away({ all: true });
    split(gone);
    comeBack(gone);
    speculativeFill(gone.weak, gone.va);
    gone.rig.script.conflict = () => 1;
    expect(run(load(gone.weak, gone.va))).toMatch(/^halt/);
    expect(said(gone.rig).slice(0, 2)).toEqual(['bbm', 'conflict']);
  });

  test.each<[what: string, tlbis: (weak: Cpu, rig: Rig) => void]>([
    ['that is not completed', (weak) => void run(tlbi(weak, 'vmalle1'))],
    ['of another address', (weak, { k }) => flush(weak, 'vaae1', k.space.pageOffset)],
    ['of an ASID, for what is global', (weak) => flush(weak, 'aside1')],
  ])('is caught after a TLBI of its own %s', (_, tlbis) => {
    const gone = away();
    gone.rig.script.deliver = () => 1; // nothing is carried out before it must be
    tlbis(gone.weak, gone.rig);
    split(gone);
    comeBack(gone);
    expect(said(gone.rig)).toEqual(['bbm']);
  });

  test('is caught while the TLBI of the change has not completed', () => {
    const gone = away();
    gone.rig.script.deliver = () => 1;
    split(gone);
    run(tlbi(gone.painter, 'vmalle1is'));
    comeBack(gone);
    expect(said(gone.rig)).toEqual(['bbm']);
  });

  test('is caught with a page where a block is now', () => {
    const { rig, painter, weak, va } = away({ level: 3, before: page(PA) });
    const entry = entryAt(rig, va, 2);
    put(rig, entry, leafTable(rig, 3, PA));
    change(painter, entry, block(PA));
    expect(said(rig)).toEqual([]);
    comeBack({ rig, weak });
    expect(said(rig)).toEqual(['bbm']);
  });

  test('is caught with a block of which only the last page is mapped now', () => {
    const last = away({ granule: '64K' });
    const table = leafTable(last.rig, 3, PA);
    const words = BigInt(table) & 0x0000_ffff_ffff_0000n;
    for (let i = 0; i < 8191; i++) put(last.rig, Number(words) + i * 8, 0n);
    change(last.painter, last.entry, 0n);
    change(last.painter, last.entry, table);
    last.rig.reports.length = 0; // of the painter, who did not flush in between
    comeBack(last);
    expect(said(last.rig)).toEqual(['bbm']);
  });

  test('is caught where its class allows other sizes, but not other addresses', () => {
    const gone = away({ weakest: 'level3' });
    change(gone.painter, gone.entry, 0n);
    change(gone.painter, gone.entry, block(2 * PA));
    gone.rig.reports.length = 0; // of the painter, who did not flush in between
    comeBack(gone);
    expect(said(gone.rig)).toEqual(['bbm']);
    expect(gone.rig.reports[0]!.message).toMatch(/differs in more than size and permissions$/);
  });

  test('is caught with an entry of its ASID only', () => {
    for (const [asid, expected] of [
      [0, ['bbm']],
      [7, []],
    ] as const) {
      const gone = away({ level: 3, before: page(PA, { nG: 1 }) });
      change(gone.painter, entryAt(gone.rig, gone.va, 2), block(PA, { nG: 1 }));
      gone.rig.reports.length = 0; // of the painter: a block is more than the one page
      run(msr(gone.weak, 'TTBR1_EL1', ttbr(gone.rig.root, asid)));
      expect(said(gone.rig)).toEqual(expected);
    }
  });
});

describe("a CPU that comes back is none of bbm's business", () => {
  test('once it has dropped everything, however early it comes: that is for stale', () => {
    const gone = away({ all: true });
    flush(gone.weak, 'vmalle1');
    split(gone);
    announce(gone.painter, 'repaint.released', gone.va, gone.va + 2 ** 21);
    comeBack(gone);
    for (let i = 0; i < 8; i++) {
      speculativeFill(gone.weak, gone.va + i * 4096);
      run(load(gone.weak, gone.va + i * 4096));
    }
    expect(said(gone.rig)).toEqual(['stale']);
    expect(gone.rig.reports[0]!.cpu).toBe(0);
  });

  test('once it has dropped the old entry alone', () => {
    const gone = away();
    flush(gone.weak, 'vaae1', gone.va + 8192);
    split(gone);
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
  });

  test.each(['vmalle1is', 'vaale1is'] as const)('once the %s of the change has completed, heard or not', (name) => {
    const gone = away();
    gone.rig.script.deliver = () => 1;
    split(gone);
    flush(gone.painter, name, gone.va);
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
    expect(run(load(gone.weak, gone.va))).toBeTypeOf('bigint');
  });

  test('once more TLBIs have completed than it can catch up with', () => {
    const gone = away();
    gone.rig.script.deliver = () => 1;
    split(gone);
    flush(gone.painter, 'vaae1is', gone.va);
    for (let i = 0; i < gone.painter.dvm.records; i++) flush(gone.painter, 'vaae1is', 0);
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
  });

  test.each<[what: string, edit: (gone: Away) => void]>([
    ['nothing has changed', () => {}],
    ['only permissions have changed', ({ painter, entry }) => change(painter, entry, block(PA, { AP: 2 }))],
    ['nothing is mapped any more', ({ painter, entry }) => change(painter, entry, 0n)],
    [
      'what is mapped cannot be cached',
      ({ rig, painter, entry }) => {
        change(painter, entry, 0n);
        change(painter, entry, leafTable(rig, 3, PA, { AF: 0 }));
      },
    ],
    ['the change is not visible yet', ({ rig, painter, entry }) => write(painter, entry, leafTable(rig, 3, PA))],
  ])('where %s', (_, edit) => {
    const gone = away();
    const other = entryAt(gone.rig, gone.va + GiB, 2);
    put(gone.rig, other, block(PA + GiB));
    change(gone.painter, other, leafTable(gone.rig, 3, PA + GiB)); // elsewhere something has
    edit(gone);
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
  });

  test('when it has just been powered on', () => {
    const gone = away();
    split(gone);
    powerOn(gone.rig, gone.weak);
    expect(said(gone.rig)).toEqual([]);
  });

  test('when it never left: TTBR1 written and taken back, or written anew', () => {
    const rig = rigOf({ classes: ['level3', 'level0'], properties: [bbm] });
    const va = rig.k.space.pageOffset + PA;
    const entry = entryAt(rig, va, 2);
    put(rig, entry, block(PA));
    const weak = rig.cpus[1]!;
    run(load(weak, va));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, PA));
    expect(said(rig)).toEqual(['bbm']); // the change itself, while it could walk there
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.root)));
    run(isb(weak));
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.root)));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('when it comes to other tables', () => {
    const gone = away();
    split(gone);
    run(msr(gone.weak, 'TTBR0_EL1', ttbr(gone.rig.k.symbols.idmapPgDir)));
    run(isb(gone.weak));
    expect(said(gone.rig)).toEqual([]);
  });
});
