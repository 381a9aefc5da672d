import { describe, expect, test } from 'vitest';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { STALE_USES } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { load, swap } from '../../../src/hardware/instruction/load-store.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { block, change, entryAt, flush, leafTable, page, put, type Rig, rigOf, run, said, write } from '../rig.ts';

const GiB = 2 ** 30;

/** CPU 0 changes a page's permissions; CPU 1 has read it and goes on reading. */
function changedPage(granule: (typeof granules)[number] = '4K'): Rig & { va: number; end: number; entry: number } {
  const rig = rigOf({ classes: ['level2-noabort', 'level2-noabort'], granule });
  const va = rig.k.space.pageOffset + 16 * GiB;
  const entry = entryAt(rig, va, 3);
  put(rig, entry, page(16 * GiB));
  run(load(rig.cpus[1]!, va));
  return { ...rig, va, end: va + rig.k.space.granule.pageBytes, entry };
}

const RO = page(16 * GiB, { AP: 2, DBM: 0 });

describe('an announcement is held to what it says', () => {
  test.each(granules)('after a complete flush it is true, %s granule', (granule) => {
    const rig = changedPage(granule);
    const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
    write(cpu, rig.entry, RO);
    flush(cpu, 'vaale1is', rig.va);
    announce(cpu, 'set_memory', rig.va, rig.end);
    for (let i = 0; i < 4; i++) run(load(reader, rig.va));
    expect(said(rig)).toEqual([]);
  });

  const LIES: readonly [string, (rig: ReturnType<typeof changedPage>) => void, RegExp, RegExp][] = [
    [
      'nothing was flushed',
      ({ cpus, entry }) => change(cpus[0]!, entry, RO),
      /no TLBI has removed them/,
      /flush_tlb_kernel_range/,
    ],
    [
      'the TLBI came before the store was visible',
      ({ cpus, entry, va }) => {
        write(cpus[0]!, entry, RO);
        run(tlbi(cpus[0]!, 'vaale1is', encodeVaOperand(va)));
        run(dsb(cpus[0]!, 'ish'));
      },
      /no TLBI has removed them/,
      /flush_tlb_kernel_range/,
    ],
    [
      'the last DSB is missing',
      ({ cpus, entry, va }) => {
        change(cpus[0]!, entry, RO);
        run(tlbi(cpus[0]!, 'vaale1is', encodeVaOperand(va)));
      },
      /the TLBI that removes them has not completed/,
      /^a DSB ISH between the TLBI and the announcement/,
    ],
    [
      'the first DSB is missing, and the exchange that made the change is no barrier',
      ({ cpus, entry, va }) => {
        run(swap(cpus[0]!, FIXMAP + entry, RO));
        run(tlbi(cpus[0]!, 'vaale1is', encodeVaOperand(va)));
        run(dsb(cpus[0]!, 'ish'));
        run(isb(cpus[0]!));
      },
      /no DSB lies between the change and the TLBI/,
      /^a DSB ISHST between the change and the TLBI/,
    ],
    [
      'the ISB is missing: who flushed may have translated what comes next',
      ({ cpus, entry, va }) => {
        change(cpus[0]!, entry, RO);
        run(tlbi(cpus[0]!, 'vaale1is', encodeVaOperand(va)));
        run(dsb(cpus[0]!, 'ish'));
      },
      /may have translated by them/,
      /^an ISB after the DSB ISH/,
    ],
    [
      'the TLBI was not broadcast',
      ({ cpus, entry, va }) => {
        write(cpus[0]!, entry, RO);
        flush(cpus[0]!, 'vaale1', va);
      },
      /no TLBI has removed them/,
      /flush_tlb_kernel_range/,
    ],
    [
      'the new entry is still in the store buffer',
      ({ cpus, entry }) => write(cpus[0]!, entry, RO),
      /not visible to walkers yet/,
      /^a DSB ISHST/,
    ],
  ];
  test.each(LIES)('%s', (_, act, message, remedy) => {
    const rig = changedPage();
    act(rig);
    announce(rig.cpus[0]!, 'set_memory', rig.va, rig.end);
    expect(said(rig)).toEqual(['stale']);
    expect(rig.reports[0]!.message).toMatch(/^set_memory: old translations were announced to be gone, but /);
    expect(rig.reports[0]!.message).toMatch(message);
    expect(rig.reports[0]!.remedy).toMatch(remedy);
  });

  test('a range of single TLBIs that no DSB completed lacks the DSB, not the TLBIs', () => {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const cpu = rig.cpus[0]!;
    const va = rig.k.space.pageOffset;
    for (let i = 0; i < 8; i++) put(rig, entryAt(rig, va + i * 4096, 3), page(i * 4096));
    for (let i = 0; i < 8; i++) change(cpu, entryAt(rig, va + i * 4096, 3), 0n);
    for (let i = 0; i < 8; i++) run(tlbi(cpu, 'vaale1is', encodeVaOperand(va + i * 4096)));
    announce(cpu, 'vunmap', va, va + 8 * 4096);
    expect(rig.reports[0]!.message).toContain('has not completed');
    expect(rig.reports[0]!.evidence[0]).toMatch(/8 pages of 4K broken, the last .*: a TLBI covers it/);
  });

  test('what has been done about them is said once where it is the same, and who had to flush', () => {
    const rig = changedPage();
    const [cpu] = rig.cpus;
    const second = rig.va + 2 ** 21;
    put(rig, entryAt(rig, second, 2), block(16 * GiB + 2 ** 21));
    change(cpu!, rig.entry, RO);
    change(cpu!, entryAt(rig, second, 2), 0n);
    announce(cpu!, 'set_memory', rig.va, second + 2 ** 21);
    const [report] = rig.reports;
    expect(report!.evidence.map((line) => line.replace(/ at step \d+/, ''))).toEqual([
      '0xffff000400000000..0xffff000400001000: 1 page of 4K replaced, the last by CPU 0',
      '0xffff000400200000..0xffff000400400000: 1 block of 2M broken, the last by CPU 0',
      'each: no TLBI that covers it has been issued since',
    ]);
    expect(report!.remedy).toContain('(__change_memory_common(), 6.18)');
    run(tlbi(cpu!, 'vaale1is', encodeVaOperand(second)));
    announce(cpu!, 'somebody else', rig.va, second + 2 ** 21);
    expect(rig.reports[1]!.evidence).toEqual([
      expect.stringMatching(/1 page of 4K .*: no TLBI that covers it/),
      expect.stringMatching(/1 block of 2M .*: a TLBI covers it, but no DSB/),
    ]);
    expect(rig.reports[1]!.remedy).toContain('announcement (6.18)');
  });

  test('what was changed elsewhere is not its business', () => {
    const rig = changedPage();
    const cpu = rig.cpus[0]!;
    const neighbour = entryAt(rig, rig.end, 3);
    put(rig, neighbour, page(17 * GiB));
    change(cpu, neighbour, 0n);
    write(cpu, rig.entry, RO);
    flush(cpu, 'vaale1is', rig.va);
    announce(cpu, 'set_memory', rig.va, rig.end);
    expect(said(rig)).toEqual([]);
    announce(cpu, 'set_memory', rig.va, rig.end + 4096);
    expect(said(rig)).toEqual(['stale']);
  });

  test('entries that were never valid leave nothing behind, buffered or not', () => {
    const rig = changedPage();
    const fresh = entryAt(rig, rig.end, 3);
    write(rig.cpus[0]!, fresh, page(17 * GiB));
    announce(rig.cpus[0]!, 'vmap', rig.end, rig.end + 4096);
    expect(said(rig)).toEqual([]);
  });

  test('a split block needs no flush until somebody says it is gone; one page of it takes it all along', () => {
    const rig = rigOf({ classes: ['level2-noabort', 'level2-noabort'] });
    const cpu = rig.cpus[0]!;
    const va = rig.k.space.pageOffset + 16 * GiB;
    const entry = entryAt(rig, va, 2);
    put(rig, entry, block(16 * GiB));
    change(cpu, entry, leafTable(rig, 3, 16 * GiB));
    const inner = entryAt(rig, va + 5 * 4096, 3);
    write(cpu, inner, page(16 * GiB + 5 * 4096, { AP: 2, DBM: 0 }));
    flush(cpu, 'vaale1is', va + 5 * 4096);
    announce(cpu, 'set_memory', va, va + 2 ** 21);
    expect(said(rig)).toEqual([]);
  });
});

describe('an access after the announcement', () => {
  test('that uses the old translation is caught, and says what it used', () => {
    const rig = changedPage();
    change(rig.cpus[0]!, rig.entry, RO);
    announce(rig.cpus[0]!, 'set_memory', rig.va, rig.end);
    run(load(rig.cpus[1]!, rig.va));
    expect(said(rig)).toEqual(['stale', 'stale']);
    const { cpu, message, evidence } = rig.reports[1]!;
    expect(cpu).toBe(1);
    expect(message).toMatch(/^an access to 0xffff000400000000 used a translation that was replaced before/);
    expect(evidence.join('\n')).toContain('PA    0x000400000000');
  });

  test('cannot use it once the flush has completed, whatever the hardware likes', () => {
    const rig = changedPage();
    const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
    rig.script.deliver = () => 1; // TLBIs reach the reader as late as they may
    write(cpu, rig.entry, 0n);
    run(dsb(cpu, 'ishst'));
    run(tlbi(cpu, 'vaale1is', encodeVaOperand(rig.va)));
    expect(typeof run(load(reader, rig.va))).toBe('bigint'); // before the DSB it may
    expect(reader.counts[STALE_USES]).toBe(1);
    run(dsb(cpu, 'ish'));
    run(isb(cpu));
    announce(cpu, 'vunmap', rig.va, rig.end);
    expect(run(load(reader, rig.va))).toBe('halt: an exception that nobody handles');
    expect(said(rig)).toEqual(['spurious-fault']);
  });

  test('may use what was changed again since then: that flush is still to come', () => {
    const rig = changedPage();
    const [cpu, reader] = [rig.cpus[0]!, rig.cpus[1]!];
    write(cpu, rig.entry, RO);
    flush(cpu, 'vaale1is', rig.va);
    rig.script.deliver = () => 1;
    announce(cpu, 'set_memory', rig.va, rig.end);
    run(load(reader, rig.va)); // caches the new entry; the announcement has not reached it yet
    change(cpu, rig.entry, page(16 * GiB));
    rig.script.deliver = () => 0;
    run(load(reader, rig.va)); // now it has
    run(load(reader, rig.va));
    expect(said(rig)).toEqual([]);
  });
});

describe('entries of the kernel that are not global', () => {
  test.each([
    ['vale1is', ['stale']],
    ['vaale1is', []],
    ['vmalle1is', []],
  ] as const)('are cached under the ASIDs of whoever runs: %s', (name, expected) => {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const [cpu, reader] = rig.cpus as [Cpu, Cpu];
    const va = rig.k.space.pageOffset + 16 * GiB;
    const entry = entryAt(rig, va, 3);
    put(rig, entry, page(16 * GiB, { nG: 1 }));
    run(msr(reader, 'TTBR1_EL1', ttbr(rig.root, 5)));
    run(isb(reader));
    run(load(reader, va));
    write(cpu, entry, page(16 * GiB, { nG: 1, AP: 2, DBM: 0 }));
    flush(cpu, name, va);
    announce(cpu, 'set_memory', va, va + rig.k.space.granule.pageBytes);
    expect(said(rig)).toEqual(expected);
  });
});
