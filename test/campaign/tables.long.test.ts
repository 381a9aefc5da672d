import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TABLES, withTable } from '../../actors/campaign/tables.ts';

const DOCUMENT = readFileSync(new URL('../../docs/exploring.md', import.meta.url), 'utf8');

it.each(['finished', 'filled'] as const)('docs/exploring.md holds what is measured now: %s', (name) => {
  expect(withTable(DOCUMENT, name, TABLES[name]())).toBe(DOCUMENT);
});
