import { describe, expect, test } from 'vitest';
import { type LeafAttributes, tableDescriptor } from '../../src/arch/descriptor.ts';
import { levelBytes } from '../../src/arch/granule.ts';
import type { TlbiName } from '../../src/arch/tlbi.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { type Barrier, dsb, isb } from '../../src/hardware/barrier.ts';
import { type BbmClass, bbmClasses, granules } from '../../src/hardware/board.ts';
import { CPU_POWER } from '../../src/hardware/dvm.ts';
import { placeTable } from '../../src/hardware/frame.ts';
import { read } from '../../src/hardware/memory.ts';
import { msr } from '../../src/hardware/system-register.ts';
import { tlbi } from '../../src/hardware/tlbi.ts';
import { ttbr } from '../../src/kernel/boot/idmap.ts';
import {
  block,
  change,
  entryAt,
  flush,
  leafTable,
  newTable,
  page,
  put,
  type Rig,
  type RigOptions,
  rigOf,
  run,
  said,
  write,
} from './rig.ts';

const GiB = 2 ** 30;

/** A machine with one live entry. */
interface Live {
  readonly rig: Rig;
  readonly entry: number;
  readonly va: number;
  readonly pa: number;
}

function live(options: RigOptions, level: number, before: (rig: Rig, pa: number) => bigint): Live {
  const rig = rigOf(options);
  const va = rig.k.space.pageOffset + 16 * GiB;
  const pa = 16 * GiB;
  const entry = entryAt(rig, va, level);
  put(rig, entry, before(rig, pa));
  return { rig, entry, va, pa };
}

const liveBlock = (options: RigOptions, attributes?: Partial<LeafAttributes>): Live =>
  live(options, 2, (_, pa) => block(pa, attributes));
const livePage = (options: RigOptions, attributes?: Partial<LeafAttributes>): Live =>
  live(options, 3, (_, pa) => page(pa, attributes));

/** Weakest first. */
const without = (...weak: BbmClass[]): BbmClass[] => bbmClasses.filter((each) => !weak.includes(each));

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

  test('a level 0 CPU on a reserved TTBR1 does not count', () => {
    const { rig, entry, pa } = liveBlock({ classes: ['level3', 'level0'] });
    const weak = rig.cpus[1]!;
    run(msr(weak, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
    run(isb(weak));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
    expect(said(rig)).toEqual([]);
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

describe('a table is compared with the block that it replaces, leaf by leaf', () => {
  const strong: RigOptions = { classes: ['level2-noabort', 'level3'] };
  const DIFFERENT: readonly [string, bigint][] = [
    ['goes elsewhere', page(20 * GiB)],
    ['is read-only', page(16 * GiB + 7 * 4096, { AP: 2 })],
    ['has another memory type', page(16 * GiB + 7 * 4096, { AttrIndx: 4 })],
    ['is missing', 0n],
  ];
  test.each(DIFFERENT)('one leaf %s: caught on every class', (_, odd) => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa, {}, [7, odd]));
    expect(said(rig)).toEqual(['bbm']);
    expect(rig.reports[0]!.message).toContain('more than its size');
  });

  test('contiguous leaves are the same leaves', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa, { Contiguous: 1 }));
    expect(said(rig)).toEqual([]);
  });

  test('a 1 GiB block may become two levels of tables at once', () => {
    const { rig, entry, pa } = live(strong, 1, (_, base) => block(base));
    const MiB2 = 2 ** 21;
    const blocks = newTable(rig, (i) => (i === 3 ? leafTable(rig, 3, pa + 3 * MiB2) : block(pa + i * MiB2)));
    change(rig.cpus[0]!, entry, tableDescriptor(blocks));
    expect(said(rig)).toEqual([]);
  });

  test('the table withholds a right that the block granted', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa) | (1n << 62n));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('the table withholds what the block did not grant: PXNTable over PXN', () => {
    const { rig, entry, pa } = liveBlock(strong);
    change(rig.cpus[0]!, entry, leafTable(rig, 3, pa) | (3n << 59n));
    expect(said(rig)).toEqual([]);
  });

  test.each(granules)('%s granule: addresses past 4 GiB carry over', (granule) => {
    const rig = rigOf({ ...strong, granule });
    const bytes = levelBytes(rig.k.space.granule, 2);
    const pa = 4 * GiB - (granule === '64K' ? 0 : bytes / 2);
    const aligned = Math.floor(pa / bytes) * bytes;
    const entry = entryAt(rig, rig.k.space.pageOffset, 2);
    put(rig, entry, block(aligned));
    change(rig.cpus[0]!, entry, leafTable(rig, 3, aligned));
    expect(said(rig)).toEqual([]);
  });

  test.each([
    ['level2-noabort', []],
    ['level1', ['bbm']],
  ] as const)("a table of a block's leaves may become the block in place: %s", (weakest, expected) => {
    const { rig, entry, pa } = live({ classes: [weakest] }, 2, (r, base) => leafTable(r, 3, base));
    change(rig.cpus[0]!, entry, block(pa));
    expect(said(rig)).toEqual(expected);
  });

  test('a table whose leaves are no block may not', () => {
    const { rig, entry, pa } = live(strong, 2, (r, base) => leafTable(r, 3, base, {}, [511, 0n]));
    change(rig.cpus[0]!, entry, block(pa));
    expect(said(rig)).toEqual(['bbm']);
  });

  test('a table may become a copy of itself, and no other table', () => {
    for (const [copy, expected] of [
      [true, []],
      [false, ['bbm']],
    ] as const) {
      const { rig, entry, pa } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
      change(rig.cpus[0]!, entry, leafTable(rig, 3, copy ? pa : pa + GiB));
      expect(said(rig)).toEqual(expected);
    }
  });
});

/** What CPU 0 does between breaking the entry and making the new one. */
type Step = Barrier | readonly [TlbiName, bigint?] | 'break' | 'make';

describe.each(granules)('break-before-make, %s granule', (granule) => {
  const { granule: g, pageOffset } = rigOf({ classes: ['level0'], granule }).k.space;
  const va = pageOffset + 16 * GiB;
  const at = (offset: number, ttl = 0, asid = 0): bigint => encodeVaOperand(va + offset, asid, ttl, g);
  const pages = (from: number, NUM: number, SCALE = 0): bigint =>
    encodeRangeOperand(va + from * g.pageBytes, NUM, SCALE, g);

  /** Runs the steps on a page that moves, seen by a level 3 CPU: only break-before-make is good enough. */
  function moves(steps: readonly Step[], level = 3, attributes: Partial<LeafAttributes> = {}): Rig {
    const leaf = level === 3 ? page : block;
    const { rig, entry, pa } = live({ classes: ['level3', 'level3'], granule }, level, (_, base) =>
      leaf(base, attributes),
    );
    const cpu = rig.cpus[0]!;
    for (const step of steps)
      if (step === 'break') write(cpu, entry, 0n);
      else if (step === 'make') write(cpu, entry, leaf(pa + 64 * GiB, attributes));
      else if (typeof step === 'string') run(dsb(cpu, step));
      else run(tlbi(cpu, step[0], step[1]));
    run(dsb(cpu, 'ishst'));
    return rig;
  }

  const GOOD: readonly [string, Step[]][] = [
    ['as the manual has it', ['break', 'ish', ['vaae1is', at(0)], 'ish', 'make']],
    ['as Linux has it', ['break', 'ishst', ['vaale1is', at(0)], 'ish', 'make']],
    ['with everything flushed', ['break', 'ishst', ['vmalle1is'], 'ish', 'make']],
    ['with a range', ['break', 'ishst', ['rvaale1is', pages(-2, 1)], ['rvaale1is', pages(0, 0)], 'ish', 'make']],
    ['with a true level hint', ['break', 'ishst', ['vaale1is', at(0, 3)], 'ish', 'make']],
    ['with any ASID, for a global entry', ['break', 'ishst', ['vale1is', at(0, 0, 9)], 'ish', 'make']],
    ['with the outer shareable form', ['break', 'ishst', ['vaae1os', at(0)], 'ish', 'make']],
    [
      'twice',
      [
        'break',
        'ishst',
        ['vaae1is', at(0)],
        'ish',
        'make',
        'ishst',
        'break',
        'ishst',
        ['vaae1is', at(0)],
        'ish',
        'make',
      ],
    ],
  ];
  test.each(GOOD)('%s: silent', (_, steps) => expect(said(moves(steps))).toEqual([]));

  const BAD: readonly [string, Step[], RegExp][] = [
    ['without the TLBI', ['break', 'ish', 'ish', 'make'], /no TLBI/],
    ['with the TLBI before the break', [['vaae1is', at(0)], 'break', 'ishst', 'ish', 'make'], /no TLBI/],
    ['with the TLBI before the break is visible', ['break', ['vaae1is', at(0)], 'ish', 'make'], /no TLBI/],
    ['without the DSB after the TLBI', ['break', 'ishst', ['vaae1is', at(0)], 'make'], /no DSB/],
    ['with a DSB for stores only after the TLBI', ['break', 'ishst', ['vaae1is', at(0)], 'ishst', 'make'], /no DSB/],
    ['with a local DSB after the TLBI', ['break', 'ishst', ['vaae1is', at(0)], 'nsh', 'make'], /no DSB/],
    ['with a local TLBI', ['break', 'ishst', ['vaae1', at(0)], 'ish', 'make'], /not a broadcast one/],
    ['with a local flush of everything', ['break', 'ishst', ['vmalle1'], 'ish', 'make'], /not a broadcast one/],
    ['with the TLBI of the next page', ['break', 'ishst', ['vaae1is', at(g.pageBytes)], 'ish', 'make'], /no TLBI/],
    ['with the TLBI of the page before', ['break', 'ishst', ['vaae1is', at(-g.pageBytes)], 'ish', 'make'], /no TLBI/],
    ['with a range that ends before', ['break', 'ishst', ['rvaae1is', pages(-2, 0)], 'ish', 'make'], /no TLBI/],
    ['with a range that begins behind', ['break', 'ishst', ['rvaae1is', pages(1, 31, 1)], 'ish', 'make'], /no TLBI/],
    ['with a wrong level hint', ['break', 'ishst', ['vaae1is', at(0, 2)], 'ish', 'make'], /not \(all of\) it/],
    [
      'with a flush of one ASID, which spares global entries',
      ['break', 'ishst', ['aside1is', 0n], 'ish', 'make'],
      /not \(all of\) it/,
    ],
  ];
  test.each(BAD)('%s: caught', (_, steps, evidence) => {
    const rig = moves(steps);
    expect(said(rig)).toEqual(['bbm']);
    expect(rig.reports[0]!.message).toMatch(
      /^a new entry was made while the old one, broken at step \d+ by CPU 0, may still/,
    );
    expect(rig.reports[0]!.evidence.join('\n')).toMatch(evidence);
  });

  test('a block is gone after a TLBI of any address inside it', () => {
    const inside = levelBytes(g, 2) - g.pageBytes;
    expect(said(moves(['break', 'ishst', ['vaale1is', at(inside)], 'ish', 'make'], 2))).toEqual([]);
    expect(said(moves(['break', 'ishst', ['vaale1is', at(levelBytes(g, 2))], 'ish', 'make'], 2))).toEqual(['bbm']);
    expect(said(moves(['break', 'ishst', ['vaale1is', at(inside, 3)], 'ish', 'make'], 2))).toEqual(['bbm']);
  });

  test('what comes back is what was there: nothing to flush', () => {
    const { rig, entry, pa } = livePage({ classes: ['level0'], granule });
    change(rig.cpus[0]!, entry, 0n);
    change(rig.cpus[0]!, entry, page(pa));
    change(rig.cpus[0]!, entry, 0n);
    change(rig.cpus[0]!, entry, page(pa, { AP: 2 }));
    expect(said(rig)).toEqual([]);
  });
});

describe('entries of one ASID', () => {
  test.each([
    ['its own', 5, []],
    ['another', 6, ['bbm']],
  ] as const)('need a TLBI for that ASID: %s', (_, asid, expected) => {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const root = rig.k.symbols.idmapPgDir;
    const entry = entryAt(rig, 16 * GiB, 3, root);
    put(rig, entry, page(16 * GiB, { nG: 1 }));
    const cpu = rig.cpus[0]!;
    run(msr(cpu, 'TCR_EL1', cpu.sysregs.TCR_EL1 & ~(1n << 22n))); // A1 = 0: the ASID of TTBR0
    run(msr(cpu, 'TTBR0_EL1', ttbr(root, 5)));
    run(isb(cpu));
    change(cpu, entry, 0n);
    run(tlbi(cpu, 'vae1is', encodeVaOperand(16 * GiB, asid)));
    run(dsb(cpu, 'ish'));
    change(cpu, entry, page(32 * GiB, { nG: 1 }));
    expect(said(rig)).toEqual(expected);
  });

  test('two trees that map the same addresses do not meddle with each other', () => {
    const rig = rigOf({ classes: ['level3'] });
    const [one, other] = [rig.k.symbols.idmapPgDir, rig.k.symbols.idmapTables[0]!];
    placeTable(rig.machine.memory, other, rig.k.space.startLevel, 0, other);
    const [entry, twin] = [entryAt(rig, 16 * GiB, 3, one), entryAt(rig, 16 * GiB, 3, other)];
    put(rig, entry, page(16 * GiB));
    change(rig.cpus[0]!, entry, 0n);
    change(rig.cpus[0]!, twin, page(32 * GiB));
    expect(said(rig)).toEqual([]);
  });
});

describe('a table that is taken out', () => {
  /** A table of pages, unlinked; then flushed as told; then the new entry stands in its place. */
  function replaced(flushes: readonly [TlbiName, bigint?][], after: (rig: Rig, pa: number) => bigint): Rig {
    const { rig, entry, pa, va } = live({ classes: ['level3', 'level3'] }, 2, (r, base) =>
      leafTable(r, 3, base, {}, [9, 0n]),
    );
    expect(va).toBe(VA);
    const cpu = rig.cpus[0]!;
    change(cpu, entry, 0n);
    for (const [name, operand] of flushes) run(tlbi(cpu, name, operand));
    run(dsb(cpu, 'ish'));
    change(cpu, entry, after(rig, pa));
    return rig;
  }
  const { granule, pageOffset } = rigOf({ classes: ['level0'] }).k.space;
  const VA = pageOffset + 16 * GiB;
  const all = encodeRangeOperand(VA, 7, 1, granule); // 512 pages
  const elsewhere = (_: Rig, pa: number) => block(pa + GiB);

  test('is out of walk caches and TLBs after a range that is not for the last level only', () => {
    expect(said(replaced([['rvaae1is', all]], elsewhere))).toEqual([]);
    expect(said(replaced([['vmalle1is']], elsewhere))).toEqual([]);
  });

  test('stays in walk caches after a TLBI for the last level only', () => {
    const rig = replaced([['rvaale1is', all]], elsewhere);
    expect(said(rig)).toEqual(['bbm']);
    expect(rig.reports[0]!.evidence.join('\n')).toContain('the last level only');
    expect(rig.reports[0]!.remedy).toContain('VAAE1IS');
  });

  test('leaves its pages in TLBs after a TLBI of one of its addresses', () => {
    const rig = replaced([['vaae1is', encodeVaOperand(VA)]], elsewhere);
    expect(said(rig)).toEqual(['bbm', 'bbm']); // the pages on both sides of the missing one
    expect(rig.reports[0]!.evidence.join('\n')).toContain('at level 3');
  });

  test('holds no pages of interest where only the missing one is mapped anew', () => {
    const rig = replaced([['vaae1is', encodeVaOperand(VA)]], (r, pa) => {
      const table = newTable(r, (i) => (i === 9 ? page(pa + GiB) : 0n));
      return tableDescriptor(table);
    });
    expect(said(rig)).toEqual([]);
  });

  test('leads to what it holds now: a page mapped elsewhere through the next table is caught', () => {
    const rig = replaced([['rvaale1is', all]], (r, pa) => {
      const table = newTable(r, (i) => (i === 8 ? page(pa + GiB) : 0n));
      return tableDescriptor(table);
    });
    expect(said(rig)).toEqual(['bbm']);
  });

  test('may be written once nobody can walk it', () => {
    const { rig, entry } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
    const inner = entryAt(rig, VA, 3);
    const cpu = rig.cpus[0]!;
    placeTable(rig.machine.memory, inner, 3, VA, rig.root);
    change(cpu, entry, 0n);
    run(tlbi(cpu, 'rvaae1is', all));
    run(dsb(cpu, 'ish'));
    change(cpu, inner, page(77 * GiB));
    expect(said(rig)).toEqual([]);
  });

  test('may not be written while walk caches still lead there', () => {
    const { rig, entry } = live({ classes: ['level0'] }, 2, (r, base) => leafTable(r, 3, base));
    const inner = entryAt(rig, VA, 3);
    placeTable(rig.machine.memory, inner, 3, VA, rig.root);
    change(rig.cpus[0]!, entry, 0n);
    change(rig.cpus[0]!, inner, page(77 * GiB));
    expect(said(rig)).toEqual(['bbm']);
  });
});

describe('an old translation of another size', () => {
  test('survives a flush that promises pages only, and clashes with what is made then', () => {
    const { rig, entry, va, pa } = liveBlock({ classes: ['level3', 'level3'] });
    const cpu = rig.cpus[0]!;
    change(cpu, entry, leafTable(rig, 3, pa));
    const inner = entryAt(rig, va, 3);
    for (const [hint, expected] of [
      [3, ['bbm']],
      [0, []],
    ] as const) {
      rig.reports.length = 0;
      change(cpu, inner, 0n);
      run(tlbi(cpu, 'vaale1is', encodeVaOperand(va, 0, hint, rig.k.space.granule)));
      run(dsb(cpu, 'ish'));
      change(cpu, inner, page(pa + GiB));
      expect(said(rig)).toEqual(expected);
      change(cpu, inner, 0n);
      flush(cpu, 'vaale1is', va + 4096);
      run(tlbi(cpu, 'vaale1is', encodeVaOperand(va, 0, 3, rig.k.space.granule)));
      run(dsb(cpu, 'ish'));
      change(cpu, inner, page(pa));
    }
  });

  test('may be made anew in pieces on CPUs that stand both sizes', () => {
    for (const [weakest, expected] of [
      ['level2-noabort', []],
      ['level1', ['bbm']],
    ] as const) {
      const { rig, entry, pa } = liveBlock({ classes: [weakest] });
      change(rig.cpus[0]!, entry, 0n);
      change(rig.cpus[0]!, entry, leafTable(rig, 3, pa));
      expect(said(rig)).toEqual(expected);
    }
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
