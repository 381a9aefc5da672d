import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { markdown, TABLE_FILES, TABLES, withRows, withTable } from '../../actors/campaign/tables.ts';

const DOCUMENT = readFileSync(new URL('../../docs/exploring.md', import.meta.url), 'utf8');

describe('the tables of docs/', () => {
  it('hold what is measured now: how soon the twins are caught', { timeout: 120_000 }, async () => {
    expect(withTable(DOCUMENT, 'twins', await TABLES.twins())).toBe(DOCUMENT);
  });

  it.each(['unacted', 'scenarios'] as const)('hold what is in the catalogues: %s', async (name) => {
    const text = readFileSync(new URL(`../../${TABLE_FILES[name]}`, import.meta.url), 'utf8');
    expect(withTable(text, name, await TABLES[name]())).toBe(text);
  });

  it('take single rows, in the place of those that begin alike or at the end', () => {
    const text = `before\n<!-- table: some -->\n\n${markdown(
      ['name', 'count'],
      [
        ['a', '1'],
        ['b', '2'],
      ],
    )}\n\n<!-- end: some -->\nafter`;
    const rows = markdown(
      ['name', 'count'],
      [
        ['b', '3'],
        ['c', '40,000'],
      ],
    );
    const all = markdown(
      ['name', 'count'],
      [
        ['a', '1'],
        ['b', '3'],
        ['c', '40,000'],
      ],
    );
    expect(withRows(text, 'some', rows)).toBe(`before\n<!-- table: some -->\n\n${all}\n\n<!-- end: some -->\nafter`);
  });

  it('are noticed where they are not what is measured, and where there is no place for them', () => {
    expect(withTable(DOCUMENT, 'twins', '| another |')).not.toBe(DOCUMENT);
    expect(() => withTable(DOCUMENT, 'nowhere', '')).toThrow('no place for the table nowhere');
  });
});
