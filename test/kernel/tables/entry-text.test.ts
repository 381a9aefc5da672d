import { describe, expect, test } from 'vitest';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { addressSpaceOf, physToVirt } from '../../../src/kernel/address-space.ts';
import { entryName, entryText } from '../../../src/kernel/tables/entry-text.ts';
import {
  blockProt,
  PAGE_KERNEL,
  PAGE_KERNEL_RO,
  PAGE_KERNEL_ROX,
  PTE_CONT,
  TABLE_TYPE,
} from '../../../src/kernel/tables/pgtable-prot.ts';

const space = addressSpaceOf(defaultBoard);
const PA = 0x8000_0000;
const at = BigInt(PA);
const va = physToVirt(space, PA);

describe('an entry of a page table', () => {
  test('is called as Linux calls its level', () => {
    expect([0, 1, 2, 3].map((level) => entryName(level, 0))).toEqual(['PGD', 'PUD', 'PMD', 'PTE']);
    expect([1, 2, 3].map((level) => entryName(level, 1))).toEqual(['PGD', 'PMD', 'PTE']);
  });

  const TEXTS: readonly [string, bigint, number, string][] = [
    ['nothing', 0n, 2, 'nothing'],
    ['an invalid one', 0x1234n << 12n, 3, 'invalid 0x1234000'],
    ['a table', at | TABLE_TYPE, 1, 'table 0x80000000'],
    ['a page', at | PAGE_KERNEL, 3, 'page RW NX'],
    ['a read-only page', at | PAGE_KERNEL_RO, 3, 'page RO NX'],
    ['an executable page', at | PAGE_KERNEL_ROX, 3, 'page RO X'],
    ['a contiguous page', at | PAGE_KERNEL | PTE_CONT, 3, 'page RW NX CONT'],
    ['a 2M block', at | blockProt(PAGE_KERNEL), 2, '2M block RW NX'],
    ['a 1G block', at | blockProt(PAGE_KERNEL), 1, '1G block RW NX'],
  ];
  test.each(TEXTS)('%s', (_, value, level, text) => expect(entryText(value, level, va, space)).toBe(text));

  test('says where it leads, unless the linear map promises just that', () => {
    expect(entryText(at | PAGE_KERNEL, 3, va + 4096, space)).toBe('page 0x80000000 RW NX');
    expect(entryText(at | PAGE_KERNEL, 3, space.kimageVaddr, space)).toBe('page 0x80000000 RW NX');
  });
});
