import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { catalogue } from '../src/scenario/catalogue.ts';
import { asymmu } from './cli/command.ts';
import { protocolsIn } from './protocols-table.ts';

/** What the README shows that changes with the text of the protocols: whoever changes that need not stop for it. */

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const readme = readFileSync(`${ROOT}README.md`, 'utf8');

/** A violation as the command prints it, but for the seconds that it took. */
const violation = (text: string): string =>
  /^VIOLATED {2}[\s\S]*?^ {2}open .*$/m.exec(text)![0].replace(/ \([\d.]+ s\)$/m, '');

test('its example of a search is printed as it stands there, and its token fits', async () => {
  const shown = violation(readme);
  const { stdout } = await asymmu(['explore', 'examples/published-too-early.ts', '--seed', '1'], { cwd: ROOT });
  expect(violation(stdout)).toBe(shown);
  const replayed = await asymmu(['replay', /asymmu replay (\S+)/.exec(shown)![1]!], { cwd: ROOT });
  expect(replayed.code).toBe(1);
  expect(replayed.stdout).toContain(shown.slice(shown.indexOf('  spurious-fault (CPU'), shown.indexOf('      step |')));
});

test('its table has every protocol, by its good scenario or as one of those that begin alike', () => {
  const named = protocolsIn(readme);
  const isIn = (name: string): boolean =>
    named.some((one) => one.name === name || (one.andMore && name.startsWith(one.name.split('-')[0]!)));
  const good = catalogue.filter(({ name, expect: expected }) => expected === 'good' && !name.includes('/'));
  expect(good.flatMap(({ name }) => (isIn(name) ? [] : [name]))).toEqual([]);
});
