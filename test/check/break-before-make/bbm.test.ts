import { describe, expect, test } from 'vitest';
import type { LeafAttributes } from '../../../src/arch/descriptor.ts';
import { bbmClasses, granules } from '../../../src/hardware/board/board.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { isb } from '../../../src/hardware/instruction/barrier.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { live, liveBlock, livePage, without } from '../live-entry.ts';
import { block, change, entryAt, flush, leafTable, newTable, page, put, rigOf, run, said } from '../rig.ts';

const GiB = 2 ** 30;

describe('a change in place is judged by the weakest CPU that could walk it', () => {
  test.each(without('level0', 'level1'))('a block may become a table of its leaves where all are %s', (weakest) => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', weakest] });
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual([]);
  });

  test.each(['level0', 'level1'] as const)('a block may not become a table while a %s CPU walks it', (weakest) => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', weakest] });
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual(['bbm']);
    const [report] = rig.reports;
    expect(report!.message).toBe(
      `a live level 2 entry (2M) changed its size in place while CPU 1, whose BBM class is ${weakest}, could walk it`,
    );
    expect(report!.evidence.join('\n')).toMatch(/after {3}0x[0-9a-f]{16} {2}table 0x/);
    expect(report!.remedy).toMatch(/reserved TTBR1/);
  });

  const nothing = (): void => {};
  test.each<
    [what: string, before: (weak: Cpu, other: Cpu) => void, after: (weak: Cpu, other: Cpu) => void, said: string[]]
  >([
    ['does not count once it has emptied its walk cache', nothing, (weak) => flush(weak, 'vmalle1'), []],
    ['does not count once another CPU has emptied it', nothing, (_, other) => flush(other, 'vmalle1is'), []],
    ['counts while its walk cache may lead there', nothing, nothing, ['bbm']],
    ['counts until its TLBI has completed', nothing, (weak) => void run(tlbi(weak, 'vmalle1')), ['bbm']],
    ['counts after a TLBI before the ISB', (weak) => flush(weak, 'vmalle1'), nothing, ['bbm']],
    ["counts after another CPU's before the ISB", (_, other) => flush(other, 'vmalle1is'), nothing, ['bbm']],
    ['counts after a TLBI of an ASID', nothing, (weak) => flush(weak, 'aside1'), ['bbm']],
  ])('a level 0 CPU on a reserved TTBR1 %s', (_, before, after, expected) => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    const [painter, weak] = rig.cpus as [Cpu, Cpu];
    rig.script.deliver = () => 1; // nothing is carried out before it must be
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    before(weak, painter);
    run(isb(weak));
    after(weak, painter);
    change(painter, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual(expected);
    if (expected.length > 0) expect(rig.reports[0]!.evidence.join()).toMatch(/and no TLBI since it held /);
  });

  test.each<[what: string, steps: string[], said: string[]]>([
    ['counts although it came from an empty table to this one', ['reserved', 'flush', 'root', 'reserved'], ['bbm']],
    ['counts although it came from another table to this one', ['other', 'root', 'reserved'], ['bbm']],
    ['does not count when another table is all that it has left', ['other', 'flush', 'reserved'], []],
  ])('a level 0 CPU on a reserved TTBR1 %s', (_, steps, expected) => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    const [painter, weak] = rig.cpus as [Cpu, Cpu];
    const other = newTable(rig, (i) => (i === 0 ? 3n : 0n));
    const roots: Record<string, number> = { root: rig.root, other, reserved: rig.k.symbols.reservedPgDir };
    for (const step of steps)
      if (step === 'flush') flush(weak, 'vmalle1');
      else {
        run(msr(weak, 'TTBR1_EL1', ttbr(roots[step]!)));
        run(isb(weak));
      }
    change(painter, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual(expected);
  });

  test('a level 0 CPU between its write to TTBR1 and the ISB counts', () => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    run(msr(rig.cpus[1]!, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('a level 0 CPU that is about to come back counts from its write to TTBR1 on', () => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    const weak = rig.cpus[1]!;
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    run(isb(weak));
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.root)));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('a level 0 CPU without power does not count', () => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    Atomics.store(rig.cpus[1]!.words, CPU_POWER, 0);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual([]);
  });

  test('the CPU that makes the change counts too', () => {
    const { rig, entry, pa } = liveBlock({ classes: ['level0', 'level3'] });
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(rig.reports[0]!.message).toContain('while CPU 0, whose BBM class is level0');
  });

  test('what another tree holds does not matter to CPUs that cannot reach it', () => {
    const rig = rigOf({ classes: ['level0'] });
    const other = rig.k.symbols.idmapPgDir;
    const entry = entryAt(rig, 16 * GiB, 2, other);
    put(rig, entry, block(16 * GiB));
    change(rig.cpus[0]!, entry, block(32 * GiB));
    expect(said(rig)).toEqual([]);
    run(msr(rig.cpus[0]!, 'TTBR0_EL1', ttbr(other)));
    run(isb(rig.cpus[0]!));
    change(rig.cpus[0]!, entry, block(16 * GiB));
    expect(said(rig)).toEqual(['bbm']);
  });
});

describe.each(granules)('the contiguous bit, %s granule', (granule) => {
  test.each(bbmClasses)('may be taken off in place unless the weakest is level 0: %s', (weakest) => {
    for (const [from, to] of [
      [1, 0],
      [0, 1],
    ]) {
      const { rig, entry, pa } = livePage({ classes: ['level3', weakest], granule }, { Contiguous: from! });
      change(rig.cpus[0]!, entry, page(pa, { Contiguous: to! }));
      expect(said(rig)).toEqual(weakest === 'level0' ? ['bbm'] : []);
    }
  });

  test.each(bbmClasses)(
    'stays on a group of which one page is protected, unless the weakest is level 0: %s',
    (weakest) => {
      const { rig, entry, pa } = livePage({ classes: ['level3', weakest], granule }, { Contiguous: 1 });
      change(rig.cpus[0]!, entry, page(pa, { Contiguous: 1, AP: 2 }));
      expect(said(rig)).toEqual(weakest === 'level0' ? ['bbm'] : []);
      if (weakest === 'level0')
        expect(rig.reports[0]!.message).toContain('its permissions, alone of its contiguous group,');
    },
  );

  test('together with a permission it is more than the contiguous bit', () => {
    const { rig, entry, pa } = livePage({ classes: ['level3'], granule }, { Contiguous: 1 });
    change(rig.cpus[0]!, entry, page(pa, { AP: 2 }));
    expect(said(rig)).toEqual(['bbm']);
  });
});

describe('what no class may change in place', () => {
  const CHANGES: readonly [string, Partial<LeafAttributes>][] = [
    ['the memory type', { AttrIndx: 4 }],
    ['the shareability', { SH: 2 }],
    ['nG', { nG: 1 }],
  ];
  test.each(CHANGES)('%s', (_, attributes) => {
    for (const weakest of bbmClasses)
      for (const make of [livePage, liveBlock]) {
        const { rig, entry, pa } = make({ classes: [weakest] });
        change(rig.cpus[0]!, entry, (make === livePage ? page : block)(pa, attributes));
        expect(said(rig)).toEqual(['bbm']);
        expect(rig.reports[0]!.message).toContain('more than its size or permissions');
        expect(rig.reports[0]!.remedy).toMatch(/^break-before-make/);
      }
  });

  test.each(bbmClasses)('the output address, on %s', (weakest) => {
    const { rig, entry, pa } = livePage({ classes: [weakest] });
    change(rig.cpus[0]!, entry, page(pa + GiB));
    expect(said(rig)).toEqual(['bbm']);
  });
});

describe('what every class may change in place', () => {
  const ALLOWED: readonly [string, Partial<LeafAttributes>][] = [
    ['read-only', { AP: 2, DBM: 0 }],
    ['executable', { PXN: 0 }],
    ['DBM', { DBM: 0 }],
    ['the software bits', { SW: 5 }],
    ['nothing at all', {}],
  ];
  test.each(ALLOWED)('%s', (_, attributes) => {
    const { rig, entry, pa } = livePage({ classes: ['level0'] });
    change(rig.cpus[0]!, entry, page(pa, attributes));
    expect(said(rig)).toEqual([]);
  });

  test('an entry that was never valid becomes valid', () => {
    const { rig, entry, pa } = live({ classes: ['level0'] }, 3, () => 0n);
    change(rig.cpus[0]!, entry, page(pa));
    expect(said(rig)).toEqual([]);
  });

  test('an entry whose access flag is 0 was never cached', () => {
    const { rig, entry, pa } = livePage({ classes: ['level0'] }, { AF: 0 });
    change(rig.cpus[0]!, entry, page(pa + GiB));
    expect(said(rig)).toEqual([]);
  });

  test('the bits of a table descriptor that mean nothing', () => {
    const { rig, entry } = live({ classes: ['level0'] }, 2, (r, pa) => leafTable(r, 3, pa));
    const before = read(rig.machine.memory, entry);
    change(rig.cpus[0]!, entry, before | (1n << 10n) | (3n << 8n) | (1n << 55n));
    expect(said(rig)).toEqual([]);
  });
});

test('more changes than the notebook holds are a statement, made once, and no crash', () => {
  const rig = rigOf({ classes: ['level0'] });
  const { pageOffset } = rig.k.space;
  const cpu = rig.cpus[0]!;
  const entries = Array.from({ length: 4096 }, (_, i) => entryAt(rig, pageOffset + i * 4096, 3));
  for (const [i, entry] of entries.entries()) put(rig, entry, page(i % 2 === 0 ? i * 8192 : i * 4096));
  for (const entry of entries) change(cpu, entry, 0n);
  expect(said(rig)).toEqual(['notebook-full']);
  expect(rig.reports[0]!.message).toContain('from here on bbm and stale miss some');
  flush(cpu, 'vmalle1is');
  change(cpu, entries[0]!, page(GiB));
  expect(said(rig)).toEqual(['notebook-full']);
});
