import { readFileSync, writeFileSync } from 'node:fs';
import { TABLE_FILES, TABLES, type TableName, withTable } from './tables.ts';

/** Measures the tables of docs/ again and writes them: `npm run tables`, some minutes; `npm run tables -- twins` only that one. */

const names = process.argv.slice(2);
const unknown = names.find((name) => !Object.hasOwn(TABLES, name));
if (unknown !== undefined) {
  process.stderr.write(`no table is called '${unknown}': ${Object.keys(TABLES).join(', ')}\n`);
  process.exit(2);
}
for (const name of (names.length > 0 ? names : Object.keys(TABLES)) as TableName[]) {
  const file = new URL(`../../${TABLE_FILES[name]}`, import.meta.url);
  const table = await TABLES[name]();
  writeFileSync(file, withTable(readFileSync(file, 'utf8'), name, table));
}
