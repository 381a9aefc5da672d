import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TABLE_FILES, TABLES, withTable } from '../../actors/campaign/tables.ts';

it.each(['finished', 'filled', 'bugs', 'level3'] as const)('the docs hold what is measured now: %s', async (name) => {
  const document = readFileSync(new URL(`../../${TABLE_FILES[name]}`, import.meta.url), 'utf8');
  expect(withTable(document, name, await TABLES[name]())).toBe(document);
});
