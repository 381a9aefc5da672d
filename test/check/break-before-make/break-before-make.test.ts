import { describe, expect, test } from 'vitest';

import type { LeafAttributes } from '../../../src/arch/descriptor.ts';
import { levelBytes } from '../../../src/arch/granule.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { type Barrier, dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { placeTable } from '../../../src/hardware/memory/frame.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { live, livePage } from '../live-entry.ts';
import { block, change, entryAt, page, put, type Rig, rigOf, run, said, write } from '../rig.ts';

const GiB = 2 ** 30;

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
