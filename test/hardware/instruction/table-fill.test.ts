import { describe, expect, it } from 'vitest';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { clearPage, fillTable } from '../../../src/hardware/instruction/table-fill.ts';
import { isPending } from '../../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { leaf, newTable, PAGE, run, sharedPage } from '../small-machine.ts';

describe('table pages', () => {
  it('are filled as one step, over the 4 GiB boundary too', () => {
    const { a } = sharedPage(0n);
    const table = newTable(a.memory);
    const first = leaf(0xffff_e000, 3);
    run(fillTable(a, FIXMAP + table, first, PAGE));
    for (const i of [0, 1, 2, 511]) expect(read(a.memory, table + 8 * i)).toBe(first + BigInt(i * PAGE));
  });

  it('are cleared as one step, of which walkers may know nothing before the next barrier', () => {
    const { a } = sharedPage(0n);
    const table = newTable(a.memory);
    exchange(a.memory, table + PAGE - 8, 1n);
    run(clearPage(a, FIXMAP + table));
    expect(read(a.memory, table + PAGE - 8)).toBe(0n);
    expect(isPending(a.memory, table)).toBe(true);
    run(dsb(a, 'ishst'));
    expect(isPending(a.memory, table)).toBe(false);
  });
});
