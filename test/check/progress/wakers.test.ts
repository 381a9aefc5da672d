import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { wakerOf } from '../../../src/check/progress/wakers.ts';

/** Names of waits as they stand in the kernel's text: `relaxWhile(cpu, word, seen, 'name')`. */
const kernel = new URL('../../../src/kernel/', import.meta.url);
const waits = readdirSync(kernel, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => readFileSync(new URL(name, kernel), 'utf8').split('\n'))
  .flatMap((line) => /\b(?:relaxWhile|wfe)\(cpu.*?(['`])(.*)\1\)/.exec(line)?.[2] ?? [])
  .map((name) => name.replace(/\$\{[^}]*\}/g, '7'));

describe('who ends a wait', () => {
  test('is known of every wait in the kernel', () => {
    expect(waits.length).toBeGreaterThan(4);
    for (const wait of waits) expect(wakerOf(wait), wait).toMatch(/\w\(\)/);
  });

  test('is not made up', () => {
    expect(wakerOf('work')).toBeUndefined();
    expect(wakerOf('a bus that never comes')).toBeUndefined();
  });
});
