import { readFileSync, writeFileSync } from 'node:fs';
import { TABLES, withTable } from './tables.ts';

/** Measures the tables of docs/exploring.md again and writes them: `npm run tables`, some minutes. */

const FILE = new URL('../../docs/exploring.md', import.meta.url);

let text = readFileSync(FILE, 'utf8');
for (const [name, table] of Object.entries(TABLES)) text = withTable(text, name, table());
writeFileSync(FILE, text);
