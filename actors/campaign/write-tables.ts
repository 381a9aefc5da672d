import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { IN_PARTS, TABLE_FILES, TABLES, type TableName, withRows, withTable } from './tables.ts';

/**
 * Measures the tables of docs/ again and writes them: `npm run tables`, some hours; `npm run tables -- twins` only that one;
 * `npm run tables -- good soaked --only repaint` of these two only a row. Of what takes hours each row is written as soon as it is there.
 */

const { positionals: names, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true, default: [] } },
});
const { only } = values;
const complain = (problem: string): never => {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
};

const unknown = names.find((name) => !Object.hasOwn(TABLES, name));
if (unknown !== undefined) complain(`no table is called '${unknown}': ${Object.keys(TABLES).join(', ')}`);
const good = catalogue.filter(({ expect }) => expect === 'good').map(({ name }) => name);
const notGood = only.find((name) => !good.includes(name));
if (notGood !== undefined) complain(`no good scenario is called '${notGood}'`);
const whole = names.find((name) => !IN_PARTS.includes(name as TableName));
if (only.length > 0 && (names.length === 0 || whole !== undefined))
  complain(`--only is for the tables ${IN_PARTS.join(', ')}`);

for (const name of (names.length > 0 ? names : Object.keys(TABLES)) as TableName[]) {
  const file = new URL(`../../${TABLE_FILES[name]}`, import.meta.url);
  if (IN_PARTS.includes(name))
    for (const row of only.length > 0 ? only : good)
      writeFileSync(file, withRows(readFileSync(file, 'utf8'), name, await TABLES[name]([row])));
  else writeFileSync(file, withTable(readFileSync(file, 'utf8'), name, await TABLES[name]([])));
}
