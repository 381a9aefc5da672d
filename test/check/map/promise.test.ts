import { describe, expect, test } from 'vitest';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { promise } from '../../../src/hardware/instruction/milestone.ts';
import {
  PTE_PRESENT_INVALID,
  PTE_PXN,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { block, entryAt, page, put, type Rig, rigOf, run, said, write } from '../rig.ts';

const GiB = 2 ** 30;
const PAGE = 4096;
const READ_ONLY = { set: PTE_RDONLY, clear: PTE_WRITE };
const MAPPED = { set: PTE_VALID, clear: PTE_PRESENT_INVALID };
const TAKEN_AWAY = { set: PTE_PRESENT_INVALID, clear: PTE_VALID };

/** Three pages: two read-only, one writable; behind them, elsewhere, a block that is writable. */
function rigWithPages(): Rig & { readonly va: number; readonly entry: number; readonly blockVa: number } {
  const rig = rigOf({ classes: ['level2-noabort'] });
  const va = rig.k.space.pageOffset + 16 * GiB;
  for (const [i, AP] of [2, 2, 0].entries())
    put(rig, entryAt(rig, va + i * PAGE, 3), page(16 * GiB + i * PAGE, { AP, DBM: AP === 2 ? 0 : 1, PXN: 1 }));
  const blockVa = va + GiB;
  put(rig, entryAt(rig, blockVa, 2), block(17 * GiB, { DBM: 1, PXN: 1 }));
  return { ...rig, va, entry: entryAt(rig, va, 3), blockVa };
}

/** What is said to a promise over `pages` pages. */
function judged(rig: Rig, va: number, pages: number, bits: { set: bigint; clear: bigint }): string[] {
  promise(rig.cpus[0]!, 'set_memory', { start: va, end: va + pages * PAGE, ...bits });
  return said(rig);
}

describe('a promise that is kept is nothing to speak of', () => {
  test('read-only pages', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va, 2, READ_ONLY)).toEqual([]);
  });

  test('mapped pages, and part of a block', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va, 3, MAPPED)).toEqual([]);
    expect(judged(rig, rig.blockVa + 5 * PAGE, 7, { set: PTE_WRITE | PTE_PXN, clear: PTE_RDONLY })).toEqual([]);
  });

  test('what was never there counts as taken away, and what was taken away as read-only', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va + 8 * PAGE, 4, TAKEN_AWAY)).toEqual([]);
    put(rig, rig.entry, (page(16 * GiB) & ~PTE_VALID) | PTE_PRESENT_INVALID);
    expect(judged(rig, rig.va, 1, TAKEN_AWAY)).toEqual([]);
    expect(judged(rig, rig.va, 2, READ_ONLY)).toEqual([]);
  });

  test('a bit that is cleared and then set is set', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va, 1, { set: PTE_RDONLY, clear: PTE_RDONLY | PTE_WRITE })).toEqual([]);
  });
});

describe('a promise that is not kept is found', () => {
  test('at the first page that is otherwise', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va, 3, READ_ONLY)).toEqual(['promise']);
    const { message, evidence, remedy } = rig.reports[0]!;
    expect(message).toMatch(
      /^set_memory: \S+ was promised to be read-only, but \S+2000\.\.\S+3000 is writable and not executable$/,
    );
    expect(evidence.at(-1)).toMatch(/^PTE .* page \S+ RW NX$/);
    expect(remedy).toMatch(/looks at what set_memory_\*\(\) returns/);
  });

  test.each([
    ['a writable block', 'blockVa', READ_ONLY, /is writable/],
    [
      'a page that may not be executed',
      'va',
      { set: 0n, clear: PTE_PXN },
      /promised to be executable, but .* not executable/,
    ],
    ['a page that is still there', 'va', TAKEN_AWAY, /promised to be not mapped/],
  ] as const)('%s', (_, where, bits, message) => {
    const rig = rigWithPages();
    expect(judged(rig, rig[where], 1, bits)).toEqual(['promise']);
    expect(rig.reports[0]!.message).toMatch(message);
  });

  test('a hole, and a page that was taken away and not given back, where they were to be mapped', () => {
    const rig = rigWithPages();
    expect(judged(rig, rig.va + 3 * PAGE, 1, MAPPED)).toEqual(['promise']);
    put(rig, rig.entry, (page(16 * GiB) & ~PTE_VALID) | PTE_PRESENT_INVALID);
    judged(rig, rig.va, 1, MAPPED);
    expect(rig.reports.map(({ message }) => message.replace(/.* is /, ''))).toEqual([
      'not mapped',
      'present and invalid',
    ]);
  });

  test('an entry that is neither valid nor present, which nobody can bring back', () => {
    const rig = rigWithPages();
    put(rig, rig.entry, page(16 * GiB) & ~PTE_VALID);
    expect(judged(rig, rig.va, 1, TAKEN_AWAY)).toEqual(['promise']);
    expect(rig.reports[0]!.message).toMatch(/is invalid, and not even present$/);
  });

  test('an entry that is still in the store buffer, until a barrier', () => {
    const rig = rigWithPages();
    const cpu = rig.cpus[0]!;
    write(cpu, rig.entry + 16, page(16 * GiB + 2 * PAGE, { AP: 2, DBM: 0, PXN: 1 }));
    expect(judged(rig, rig.va, 3, READ_ONLY)).toEqual(['promise']);
    expect(rig.reports[0]!.message).toMatch(/is not so for any walker yet$/);
    expect(rig.reports[0]!.remedy).toMatch(/^a DSB ISHST/);
    run(dsb(cpu, 'ishst'));
    expect(judged(rig, rig.va, 3, READ_ONLY)).toHaveLength(1);
  });

  test('an entry made valid that walkers see, and the CPU itself may have missed, until it synchronises its context', () => {
    const rig = rigWithPages();
    const cpu = rig.cpus[0]!;
    write(cpu, rig.entry + 24, page(16 * GiB + 3 * PAGE));
    run(dsb(cpu, 'ishst'));
    expect(judged(rig, rig.va, 4, MAPPED)).toEqual(['promise']);
    expect(rig.reports[0]!.message).toMatch(/may not be so yet for the CPU that made it so$/);
    expect(rig.reports[0]!.remedy).toMatch(/^a DSB ISHST; ISB/);
    run(isb(cpu));
    expect(judged(rig, rig.va, 4, MAPPED)).toHaveLength(1);
  });
});
