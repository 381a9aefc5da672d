import { describe, expect, it } from 'vitest';
import { FIXMAP } from '../../src/hardware/access.ts';
import { exchange, read } from '../../src/hardware/memory.ts';
import { clearPage, fillTable, fillWords, storeRun } from '../../src/hardware/table-fill.ts';
import { leaf, newTable, PAGE, run, sharedPage } from './small-machine.ts';

describe('table pages', () => {
  it('are filled as one step, over the 4 GiB boundary too', () => {
    const { a } = sharedPage(0n);
    const table = newTable(a.memory);
    const first = leaf(0xffff_e000, 3);
    run(fillTable(a, FIXMAP + table, first, PAGE));
    for (const i of [0, 1, 2, 511]) expect(read(a.memory, table + 8 * i)).toBe(first + BigInt(i * PAGE));
  });

  it('are cleared as one step', () => {
    const { a } = sharedPage(0n);
    const table = newTable(a.memory);
    exchange(a.memory, table + PAGE - 8, 1n);
    run(clearPage(a, FIXMAP + table));
    expect(read(a.memory, table + PAGE - 8)).toBe(0n);
  });

  it('take runs of first-time entries, and refuse one over a valid entry', () => {
    const { a } = sharedPage(0n);
    const table = newTable(a.memory);
    const first = leaf(0x4020_0000, 3);
    run(storeRun(a, FIXMAP + table + 8, 4, first, PAGE));
    expect([0, 1, 4, 5].map((i) => read(a.memory, table + 8 * i))).toEqual([0n, first, first + 3n * 4096n, 0n]);
    expect(() => run(storeRun(a, FIXMAP + table, 2, first, PAGE))).toThrow('valid entry');
  });

  it('fillWords carries into the high half', () => {
    const halves = new Uint32Array(8);
    fillWords(halves, 2, 3, 0x1_ffff_f003n, 2 ** 32 + 4096);
    expect([...halves]).toEqual([0, 0, 0xffff_f003, 1, 3, 3, 0x1003, 4]);
  });
});
