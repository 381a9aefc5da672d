import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { standardProperties } from '../src/check/standard.ts';
import { LINES } from '../src/explore/explain/insertion.ts';
import { catalogue } from '../src/scenario/catalogue.ts';
import { protocolsIn } from './protocols-table.ts';

/** What the README and docs/ say of this checkout, where that can be looked up. */

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const documents = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })];

/** Each `match` of a document's text, with the document before it. */
const found = (match: RegExp): [document: string, found: string][] =>
  documents.flatMap((document) => [...read(document).matchAll(match)].map((m): [string, string] => [document, m[1]!]));

test('every file that they name is there', () => {
  const named = found(/`((?:actors|bin|boards|docs|examples|machines|schema|scripts|src|test)\/[\w./*-]+)`/g);
  const linked = found(/\]\((?!https?:)([^)#]+)/g).map(([document, to]) => [document, join(dirname(document), to)]);
  expect(named.length).toBeGreaterThan(10);
  expect(linked.length).toBeGreaterThan(5);
  expect([...named, ...linked].filter(([, path]) => globSync(path!, { cwd: ROOT }).length === 0)).toEqual([]);
});

test('every option that they name is one of the command line, or of the table writer', () => {
  const told = ['actors/cli/main.ts', 'actors/campaign/write-tables.ts'].map(read).join();
  const known = new Set(told.match(/--[a-z-]+/g));
  const options = found(/(?<![\w-])(--[a-z][a-z-]*)/g);
  expect(options.length).toBeGreaterThan(20);
  expect(options.filter(([, option]) => !known.has(option) && option !== '--help')).toEqual([]);
});

test('and every npm script', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = found(/npm run ([\w:]+)/g);
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(([, script]) => !(script in scripts))).toEqual([]);
});

test('as many lines are tried as they say', () =>
  expect(found(/each of (\d+) lines/g)).toEqual([['docs/exploring.md', String(LINES.length)]]));

test('the README has every property that is always looked at', () => {
  const table = read('README.md').split('## What is checked')[1]!.split('\n## ')[0]!;
  const always = standardProperties.filter(({ mood }) => mood === 'always').map(({ name }) => name);
  expect(always.length).toBeGreaterThan(10);
  expect(always.filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
});

test('every scenario in the README is in the catalogue', () => {
  const named = protocolsIn(read('README.md')).map(({ name }) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !catalogue.some((one) => one.name === name))).toEqual([]);
});
