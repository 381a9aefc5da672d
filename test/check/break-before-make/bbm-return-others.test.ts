import { describe, expect, test } from 'vitest';
import type { LeafAttributes } from '../../../src/arch/descriptor.ts';
import { type BbmClass, bbmClasses, granules } from '../../../src/hardware/board/board.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { placeTable } from '../../../src/hardware/memory/frame.ts';
import { speculativeFill } from '../../../src/hardware/translation/access.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { change, entryAt, flush, newTable, page, put, type Rig, rigOf, run, said } from '../rig.ts';
import { type Away, away, comeBack, GiB, leave, PA } from './away.ts';

describe.each(granules)('a contiguous run that was cached, %s granule', (granule) => {
  const bytes = { '4K': 4096, '16K': 16384, '64K': 65536 }[granule];
  const run16: Partial<LeafAttributes> = { Contiguous: 1 };

  function awayWithRun(weakest: BbmClass, whole: boolean, member: number): Away {
    const gone = away({ weakest, granule, level: 3, before: 0n });
    const { rig, weak, va, entry } = gone;
    for (let i = 0; i < 16; i++) put(rig, entry + i * 8, page(PA + i * bytes, run16));
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.root)));
    run(isb(weak));
    rig.script.speculate = () => (whole ? 0 : 3);
    run(load(weak, va + member * bytes));
    leave(rig, weak);
    return gone;
  }

  test.each(bbmClasses)('is caught when it was taken apart, unless its CPU is at least level1: %s', (weakest) => {
    const gone = awayWithRun(weakest, true, 5);
    for (let i = 0; i < 16; i++) change(gone.painter, gone.entry + i * 8, page(PA + i * bytes));
    expect(said(gone.rig)).toEqual([]);
    comeBack(gone);
    expect(said(gone.rig)).toEqual(weakest === 'level0' ? ['bbm'] : []);
    if (weakest === 'level0') expect(gone.rig.reports[0]!.message).toMatch(/has another contiguous bit$/);
  });

  test('is none where only the member was cached', () => {
    const gone = awayWithRun('level0', false, 5);
    for (let i = 0; i < 16; i++) change(gone.painter, gone.entry + i * 8, page(PA + i * bytes));
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
  });

  test.each([0, 5, 15])('is none where it stands as it stood, walked to from member %i', (member) => {
    const gone = awayWithRun('level0', true, member);
    change(gone.painter, gone.entry + 16 * 8, page(PA + GiB));
    change(gone.painter, gone.entry + 16 * 8, 0n); // elsewhere something has changed
    comeBack(gone);
    expect(said(gone.rig)).toEqual([]);
  });
});

describe('a switch from one process to another', () => {
  /** The first process has `VA` mapped and so has the second; between the two writes the walker goes where it may. */
  function switched(byWayOfReserved: boolean): Rig {
    const rig = rigOf({ classes: ['level3'] });
    const [cpu] = rig.cpus as [Cpu];
    const VA = 2 ** 32;
    const [first, second] = [1, 2].map((number) => {
      const pgd = newTable(rig);
      placeTable(rig.machine.memory, pgd, rig.k.space.startLevel, 0, pgd);
      put(rig, entryAt(rig, VA, 3, pgd), page(number * GiB, { nG: 1, AP: 1 }));
      return pgd;
    }) as [number, number];
    const other = entryAt(rig, rig.k.space.pageOffset + PA, 3);
    put(rig, other, page(PA));
    change(cpu, other, page(PA, { AP: 2 })); // some live entry has changed
    flush(cpu, 'vmalle1is');
    run(msr(cpu, 'TTBR1_EL1', ttbr(rig.root, 1)));
    run(msr(cpu, 'TTBR0_EL1', ttbr(first)));
    run(isb(cpu));
    rig.script['context-sync'] = () => 1; // what is written is in force at once
    if (byWayOfReserved) run(msr(cpu, 'TTBR0_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    run(msr(cpu, 'TTBR1_EL1', ttbr(rig.root, 2)));
    speculativeFill(cpu, VA);
    run(msr(cpu, 'TTBR0_EL1', ttbr(second)));
    return rig;
  }

  test('goes by way of a TTBR0 that leads nowhere, else old pages are cached under the new ASID', () => {
    expect(said(switched(true))).toEqual([]);
    expect(said(switched(false))).toEqual(['bbm']);
  });
});
