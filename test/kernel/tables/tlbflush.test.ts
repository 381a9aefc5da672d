import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extract } from '../../../src/arch/field.ts';
import { GRANULES, type Granule } from '../../../src/arch/granule.ts';
import { encodeRangeOperand, RANGE_OPERAND, VA_OPERAND } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import type { DvmRecord } from '../../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import {
  flushTlbAll,
  flushTlbKernelPgtable,
  flushTlbKernelRange,
  localFlushTlbAll,
  rangeOperations,
} from '../../../src/kernel/tables/tlbflush.ts';
import { change, entryAt, page, put, rigOf, run, said } from '../../check/rig.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';

/** A booted CPU that has, or lacks, FEAT_TLBIRANGE. */
function booted(tlbiRange: boolean, granule: (typeof granules)[number] = '4K'): Booted {
  const model = cpuModels['cortex-x4-r0p3'];
  const board = resizedBoard(defaultBoard, { cpus: 1, memoryBytes: 2 ** 28, granule });
  return bootCpu({ ...board, cpus: [{ ...model, features: { ...model.features, tlbiRange } }] });
}

/** What the TLBIs of an operation name, as the hardware decodes them, and how many DSBs and ISBs there were. */
function tlbis({ cpu, k }: Booted, start: number, end: number): { records: DvmRecord[]; whole: boolean } {
  const records: DvmRecord[] = [];
  const listening: Cpu = {
    ...cpu,
    observer: { ...cpu.observer, tlbiIssued: (_, record) => records.push({ ...record }) },
  };
  complete(flushTlbKernelRange(listening, k, start, end));
  return { records, whole: records.length === 1 && records[0]!.end - records[0]!.start > 2 ** 50 };
}

describe('the sequences', () => {
  const { cpu, k } = booted(false);
  const va = k.space.pageOffset + 0x1234000;
  const operand = (offset = 0): string => `0x${(BigInt.asUintN(44, BigInt((va + offset) / 4096))).toString(16)}`;

  test('flush_tlb_kernel_range(): the last level of every ASID, page by page', () => {
    expect(recorded(cpu, flushTlbKernelRange(cpu, k, va, va + 3 * 4096)).did).toEqual([
      'dsb ishst',
      `tlbi vaale1is ${operand()}`,
      `tlbi vaale1is ${operand(4096)}`,
      `tlbi vaale1is ${operand(8192)}`,
      'dsb ish',
      'isb',
    ]);
  });

  test('... of a part of a page: the page', () => {
    expect(recorded(cpu, flushTlbKernelRange(cpu, k, va + 8, va + 16)).did[1]).toBe(`tlbi vaale1is ${operand()}`);
    expect(tlbis({ cpu, k } as Booted, va + 4088, va + 4104).records).toHaveLength(2);
  });

  test('... with range operations: by the largest scale first, a last odd page alone', () => {
    const able = booted(true);
    const { did } = recorded(able.cpu, flushTlbKernelRange(able.cpu, able.k, va, va + 131 * 4096));
    expect(did.map((each) => each.replace(/ 0x.*/, ''))).toEqual([
      'dsb ishst',
      'tlbi rvaale1is', // 128 pages: SCALE 1, NUM 1
      'tlbi rvaale1is', // 2 pages: SCALE 0, NUM 0
      'tlbi vaale1is',
      'dsb ish',
      'isb',
    ]);
  });

  test('flush_tlb_all()', () => {
    expect(recorded(cpu, flushTlbAll(cpu)).did).toEqual(['dsb ishst', 'tlbi vmalle1is', 'dsb ish', 'isb']);
  });

  test('local_flush_tlb_all(): nobody else hears it', () => {
    expect(recorded(cpu, localFlushTlbAll(cpu)).did).toEqual(['dsb nshst', 'tlbi vmalle1', 'dsb nsh', 'isb']);
  });

  test('__flush_tlb_kernel_pgtable(): table entries too, and an ISB', () => {
    expect(recorded(cpu, flushTlbKernelPgtable(cpu, va)).did).toEqual([
      'dsb ishst',
      `tlbi vaae1is ${operand()}`,
      'dsb ish',
      'isb',
    ]);
  });
});

describe('the limit past which everything goes', () => {
  test.each(granules)('without range operations: as many pages as a table has entries, %s', (granule) => {
    const single = booted(false, granule);
    const { pageBytes, entriesPerTable } = single.k.space.granule;
    const start = single.k.space.pageOffset;
    expect(tlbis(single, start, start + (entriesPerTable - 1) * pageBytes).records).toHaveLength(entriesPerTable - 1);
    expect(tlbis(single, start, start + entriesPerTable * pageBytes).whole).toBe(true);
  });

  test.each(granules)('with range operations: more than 2^21 pages, %s', (granule) => {
    const able = booted(true, granule);
    const { pageBytes } = able.k.space.granule;
    const start = able.k.space.pageOffset;
    const most = tlbis(able, start, start + 2 ** 21 * pageBytes);
    expect(most.whole).toBe(false);
    expect(most.records).toHaveLength(1);
    expect(tlbis(able, start, start + (2 ** 21 + 1) * pageBytes).whole).toBe(true);
  });
});

describe('operands', () => {
  test('by address: VA[55:12] in units of 4 KiB whatever the granule, no hint, no ASID', () => {
    for (const granule of granules) {
      const { cpu, k } = booted(false, granule);
      const va = k.space.pageOffset + 2 ** 20;
      const operand = BigInt(
        recorded(cpu, flushTlbKernelRange(cpu, k, va, va + 8))
          .did[1]!.split(' ')
          .at(-1)!,
      );
      expect(extract(operand, VA_OPERAND.VA)).toBe(Number(BigInt.asUintN(44, BigInt(va / 4096))));
      expect(operand >> 44n).toBe(0n);
    }
  });

  test('by range: in units of the granule, with TG, NUM and SCALE', () => {
    for (const granule of granules) {
      const { cpu, k } = booted(true, granule);
      const { pageBytes } = k.space.granule;
      const va = k.space.pageOffset + 32 * pageBytes;
      const { did } = recorded(cpu, flushTlbKernelRange(cpu, k, va, va + 192 * pageBytes));
      expect(did).toHaveLength(4);
      const operand = BigInt(did[1]!.split(' ').at(-1)!);
      expect(extract(operand, RANGE_OPERAND.BaseADDR)).toBe(Number(BigInt.asUintN(37, BigInt(va / pageBytes))));
      expect(extract(operand, RANGE_OPERAND.TG)).toBe(GRANULES[granule].TG);
      expect([extract(operand, RANGE_OPERAND.SCALE), extract(operand, RANGE_OPERAND.NUM)]).toEqual([1, 2]);
      expect(extract(operand, RANGE_OPERAND.TTL)).toBe(0);
    }
  });
});

describe('what the operations of a range cover', () => {
  const sizes = fc.oneof(fc.nat(200), fc.nat(2 ** 21), fc.constantFrom(1, 2, 63, 64, 65, 2047, 2048, 2 ** 16, 2 ** 21));

  test('is the range, once, and nothing beside it', () => {
    fc.assert(
      fc.property(sizes, fc.nat(2 ** 30), fc.constantFrom(4096, 16384, 65536), (pages, first, pageBytes) => {
        const start = -(2 ** 48) + first * pageBytes;
        const operations = rangeOperations(start, pages, pageBytes, true);
        let at = start;
        for (const operation of operations) {
          expect(operation.start).toBe(at);
          at += operation.pages * pageBytes;
          if (operation.range === undefined) expect(operation.pages).toBe(1);
          else {
            const { NUM, SCALE } = operation.range;
            expect(NUM >= 0 && NUM <= 31 && SCALE >= 0 && SCALE <= 3).toBe(true);
            expect(operation.pages).toBe((NUM + 1) * 2 ** (5 * SCALE + 1));
          }
        }
        expect(at).toBe(start + pages * pageBytes);
        expect(operations.length).toBeLessThanOrEqual(6);
      }),
    );
  });

  test('is what the hardware hears: the decoded operands tile it', () => {
    const able = Object.fromEntries(granules.map((granule) => [granule, booted(true, granule)]));
    fc.assert(
      fc.property(
        fc.constantFrom(...granules),
        fc.integer({ min: 1, max: 5000 }),
        fc.nat(2 ** 20),
        (granule, pages, first) => {
          const { k } = able[granule]!;
          const { pageBytes } = k.space.granule;
          const start = k.space.pageOffset + first * pageBytes;
          let at = start;
          for (const record of tlbis(able[granule]!, start, start + pages * pageBytes).records) {
            expect(record.start).toBe(at);
            at = Math.max(at + pageBytes, record.end); // one address stands for its whole page
          }
          expect(at).toBe(start + pages * pageBytes);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('without range operations is one address a page', () => {
    expect(rangeOperations(0, 5, 4096, false)).toEqual([0, 1, 2, 3, 4].map((i) => ({ start: i * 4096, pages: 1 })));
    expect(rangeOperations(0, 0, 4096, true)).toEqual([]);
  });
});

describe('a flush in the units of another granule', () => {
  /** Takes a page away and flushes two pages around it by one range of `granule`. */
  function complaints(granule: Granule): string[] {
    const rig = rigOf({ classes: ['level3', 'level3'] });
    const [cpu, other] = rig.cpus;
    const va = physToVirt(rig.k.space, rig.k.board.memory[0]!.base);
    const entry = entryAt(rig, va, 3);
    put(rig, entry, page(rig.k.board.memory[0]!.base));
    run(load(other!, va));
    change(cpu!, entry, 0n);
    run(tlbi(cpu!, 'rvaale1is', encodeRangeOperand(va, 0, 0, granule)));
    run(dsb(cpu!, 'ish'));
    run(isb(cpu!));
    announce(cpu!, 'gone', va, va + granule.pageBytes);
    run(load(other!, va));
    return said(rig);
  }

  test('leaves the page in use; in the right ones it does not', () => {
    expect(complaints(GRANULES['64K'])).toEqual(['stale', 'stale']);
    expect(complaints(GRANULES['4K'])).toEqual(['spurious-fault']); // what is gone faults
  });
});
