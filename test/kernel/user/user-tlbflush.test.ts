import { describe, expect, test } from 'vitest';
import { extract } from '../../../src/arch/field.ts';
import { RANGE_OPERAND, VA_OPERAND } from '../../../src/arch/tlbi-operand.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { type DvmRecord, TLBI_BY_ASID } from '../../../src/hardware/tlbi/dvm.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { flushTlbMm, flushTlbPage, flushTlbRange, TTL_UNKNOWN } from '../../../src/kernel/user/user-tlbflush.ts';
import { USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';
import { type Process, type ProcessOptions, startProcess } from '../user-process.ts';

const PAGE = 4096;

/** Names of what is done, and the operands of the TLBIs among it. */
function did({ cpu }: Process, operation: Op<unknown>): { names: string[]; operands: bigint[] } {
  const steps = recorded(cpu, operation).did.map((each) => each.split(' 0x'));
  return {
    names: steps.map(([name]) => name!),
    operands: steps.flatMap(([, hex]) => (hex ? [BigInt(`0x${hex}`)] : [])),
  };
}

function range(p: Process, pages: number, stride = 1, level = 3, flags = {}): ReturnType<typeof did> {
  const { pageBytes } = p.k.space.granule;
  return did(
    p,
    flushTlbRange(p.cpu, p.k, p.mm, USER_VA, USER_VA + pages * pageBytes, stride * pageBytes, level, flags),
  );
}

const single: ProcessOptions = { tlbiRange: false };

describe('__flush_tlb_range(): DSB ISHST, the operations, DSB ISH, and no ISB', () => {
  test.each<[what: string, flags: object, names: string[]]>([
    ['leaves and the tables above them', {}, ['dsb ishst', 'tlbi vae1is', 'tlbi vae1is', 'dsb ish']],
    ['the last level only', { noWalkCache: true }, ['dsb ishst', 'tlbi vale1is', 'tlbi vale1is', 'dsb ish']],
    ['NOSYNC: somebody else waits', { noSync: true }, ['dsb ishst', 'tlbi vae1is', 'tlbi vae1is']],
    [
      'NOBROADCAST: this CPU alone',
      { noWalkCache: true, noBroadcast: true },
      ['dsb nshst', 'tlbi vale1', 'tlbi vale1', 'dsb nsh'],
    ],
  ])('%s', (_, flags, names) => {
    expect(range(startProcess(single), 2, 1, 3, flags).names).toEqual(names);
  });

  test('NOBROADCAST without NOWALKCACHE is a bug', () => {
    expect(() => range(startProcess(single), 1, 1, 3, { noBroadcast: true })).toThrow('BUG()');
  });

  test.each(granules)('the operand has the ASID, VA[55:12], the level and the granule: %s', (granule) => {
    const p = startProcess({ ...single, granule });
    const { operands } = range(p, 1);
    expect(operands).toHaveLength(1);
    const operand = operands[0]!;
    expect(extract(operand, VA_OPERAND.ASID)).toBe(p.mm.asid);
    expect(extract(operand, VA_OPERAND.VA)).toBe(USER_VA / 4096);
    expect(extract(operand, VA_OPERAND.TTL_level)).toBe(3);
    expect(extract(operand, VA_OPERAND.TTL_TG)).toBe({ '4K': 1, '16K': 2, '64K': 3 }[granule]);
  });

  test('a level that is not known promises nothing', () => {
    const operand = range(startProcess(single), 1, 1, TTL_UNKNOWN).operands[0]!;
    expect(extract(operand, VA_OPERAND.TTL_level)).toBe(0);
    expect(extract(operand, VA_OPERAND.TTL_TG)).toBe(0);
  });

  test('range operations: ASID, level, and as few as cover it', () => {
    const p = startProcess();
    const { names, operands } = range(p, 16);
    expect(names).toEqual(['dsb ishst', 'tlbi rvae1is', 'dsb ish']);
    const operand = operands[0]!;
    expect(extract(operand, RANGE_OPERAND.ASID)).toBe(p.mm.asid);
    expect(extract(operand, RANGE_OPERAND.TTL)).toBe(3);
    expect([extract(operand, RANGE_OPERAND.SCALE), extract(operand, RANGE_OPERAND.NUM)]).toEqual([0, 7]);
    expect(range(p, 3).names).toEqual(['dsb ishst', 'tlbi rvae1is', 'tlbi vae1is', 'dsb ish']);
  });
});

test('flush_tlb_page(): one operation for the page that holds the address, at the last level', () => {
  const p = startProcess();
  const { names, operands } = did(p, flushTlbPage(p.cpu, p.k, p.mm, USER_VA + 3 * PAGE + 123));
  expect(names).toEqual(['dsb ishst', 'tlbi vale1is', 'dsb ish']);
  expect(extract(operands[0]!, VA_OPERAND.VA)).toBe(USER_VA / PAGE + 3);
});

test('flush_tlb_mm(): everything of the ASID', () => {
  const p = startProcess();
  const { names, operands } = did(p, flushTlbMm(p.cpu, p.k, p.mm));
  expect(names).toEqual(['dsb ishst', 'tlbi aside1is', 'dsb ish']);
  expect(extract(operands[0]!, VA_OPERAND.ASID)).toBe(p.mm.asid);
});

describe('the limit past which the whole address space goes', () => {
  /** How many operations there are; 'mm': one, for the whole of it. */
  function operations(p: Process, pages: number, stride = 1): number | 'mm' {
    const { pageBytes } = p.k.space.granule;
    const records: DvmRecord[] = [];
    const observer = { ...nobody, tlbiIssued: (_: unknown, record: DvmRecord) => records.push({ ...record }) };
    const end = USER_VA + pages * pageBytes;
    complete(flushTlbRange({ ...p.cpu, observer }, p.k, p.mm, USER_VA, end, stride * pageBytes, 3));
    return records.length === 1 && (records[0]!.flags & TLBI_BY_ASID) !== 0 ? 'mm' : records.length;
  }

  test.each(granules)('one operation a stride, as many as a table has entries: %s', (granule) => {
    const p = startProcess({ ...single, granule });
    const most = p.k.space.granule.entriesPerTable;
    expect(operations(p, most - 1)).toBe(most - 1);
    expect(operations(p, most)).toBe('mm');
    expect(operations(p, (most - 1) * 16, 16)).toBe(most - 1);
    expect(operations(p, most * 16, 16)).toBe('mm');
  });

  test('range operations: past 2^21 pages', () => {
    const p = startProcess();
    expect(operations(p, 2 ** 21)).toBe(1);
    expect(operations(p, 2 ** 21 + 2)).toBe('mm');
  });
});

describe('a range that is no multiple of its stride', () => {
  const stride = 512;

  test('is rounded to whole ones on both sides', () => {
    const p = startProcess(single);
    const { operands } = did(
      p,
      flushTlbRange(p.cpu, p.k, p.mm, USER_VA + PAGE, USER_VA + (stride + 1) * PAGE, stride * PAGE, 2),
    );
    expect(operands.map((operand) => extract(operand, VA_OPERAND.VA))).toEqual([
      USER_VA / PAGE,
      USER_VA / PAGE + stride,
    ]);
  });

  test('... else the loop never meets its end: it flushes what lies behind, and goes on', () => {
    const p = startProcess(single);
    const text = { ...p.k.text.userTlbflush, inStrides: (start: number, end: number) => [start, end] as const };
    const k: Kernel = { ...p.k, text: { ...p.k.text, userTlbflush: text } };
    const cpu = { ...p.cpu, controlled: true, goesOn: () => false };
    const flush = flushTlbRange(cpu, k, p.mm, USER_VA, USER_VA + (stride + 1) * PAGE, stride * PAGE, 2);
    const kinds = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const { done, value } = flush.next();
      expect(done).toBe(false);
      if (i > 10) kinds.add((value as { kind: string }).kind);
    }
    expect([...kinds]).toEqual(['tlbi']);
  });
});
