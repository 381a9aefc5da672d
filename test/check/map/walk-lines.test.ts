import { describe, expect, test } from 'vitest';
import { walkLines } from '../../../src/check/map/walk-lines.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { block, entryAt, page, put, rigOf } from '../rig.ts';

describe('the entries of a walk, as memory holds them', () => {
  const rig = rigOf({ classes: ['level3'] });
  const { k, machine, root } = rig;
  const pa = k.board.memory[0]!.base;
  const va = physToVirt(k.space, pa);
  put(rig, entryAt(rig, va, 3), page(pa));
  put(rig, entryAt(rig, va + 2 ** 21, 2), block(pa + 2 ** 21));
  const texts = (at: number): string[] =>
    walkLines(machine.memory, k, root, at).map((line) => line.replace(/0x0*[1-9a-f]\w+/g, 'x'));

  test('end at a page', () =>
    expect(texts(va)).toEqual(['PGD  x  table x', 'PUD  x  table x', 'PMD  x  table x', 'PTE  x  page RW NX']));
  test('end at a block', () =>
    expect(texts(va + 2 ** 21)).toEqual(['PGD  x  table x', 'PUD  x  table x', 'PMD  x  2M block RW NX']));
  test('end where nothing is mapped', () =>
    expect(texts(va + 2 ** 22).at(-1)).toBe('PMD  0x0000000000000000  nothing'));
});
