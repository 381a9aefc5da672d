import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DocumentName } from '../../actors/cli/document-schemas.ts';
import { asymmu } from './command.ts';

/** The document that the command prints, after a look at it through the published schema. */
async function documentOf(name: DocumentName, args: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const ended = await asymmu([...args, '--json']);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: '' });
  const document = JSON.parse(ended.stdout) as Record<string, unknown>;
  const published = JSON.parse(readFileSync(`schema/${name}.schema.json`, 'utf8'));
  const checked = z.fromJSONSchema(published).safeParse(document);
  expect(checked.error?.issues ?? []).toEqual([]);
  expect(document.command).toBe(name);
  return document;
}

describe('--json is one document as published', () => {
  test('of a good run, with everything that decided it', async () => {
    const document = await documentOf('run', ['run', '--board', 'tiny-2', '--seed', '7', '--revision', 'v5']);
    expect(document).toMatchObject({
      config: { scenario: 'repaint', board: 'tiny-2', cpus: 2, granule: '4K', memory: '64M', revision: 'v5', seed: 7 },
      verdict: 'good',
      violations: [],
    });
  });

  test('of a run that found something, with what would have prevented it', async () => {
    const args = ['repaint/no-flush', '--cpus', '3', '--memory', '256MiB', '--seed', '1'];
    const document = await documentOf('run', args, 1);
    expect(document.verdict).toBe('violated');
    const [first] = document.violations as { property: string; remedy: string; evidence: string[] }[];
    expect(first).toMatchObject({ property: 'stale', remedy: expect.stringContaining('flush_tlb_kernel_range()') });
    expect(first!.evidence.length).toBeGreaterThan(0);
  });

  test('of the scenarios', async () => {
    const { scenarios } = await documentOf('scenarios', ['scenarios']);
    expect(scenarios).toContainEqual(expect.objectContaining({ name: 'repaint', expect: 'good' }));
    expect(scenarios).toContainEqual(expect.objectContaining({ name: 'repaint/no-flush', expect: 'stale' }));
  });

  test('of the boards, of one, and of the models', async () => {
    expect((await documentOf('boards', ['boards'])).boards).toContainEqual(
      expect.objectContaining({ name: 'tiny-2', cpus: 2 }),
    );
    expect((await documentOf('boards', ['boards', 'tiny-2'])).board).toMatchObject({ name: 'tiny-2', granule: '4K' });
    expect((await documentOf('boards', ['boards', '--models'])).models).toHaveProperty('ampereone');
  });

  test('of the charts', async () => {
    const { charts } = await documentOf('charts', ['charts']);
    expect((charts as { name: string }[]).map(({ name }) => name)).toEqual(['cpu', 'system', 'soak']);
  });

  test('of a dump', async () => {
    const document = await documentOf('ptdump', ['ptdump', '--board', 'tiny-2', '--seed', '1']);
    expect(document).toMatchObject({ config: { when: 'running', seed: 1 }, linearMap: { '4K': 64 * 2 ** 20 } });
  });

  test('of a soak', async () => {
    const args = ['soak', 'repaint', '--no-draw', '--board', 'tiny-2', '--rounds', '2', '--seed', '3'];
    expect(await documentOf('soak', args)).toMatchObject({ verdict: 'good', rounds: { good: 2, violated: 0 } });
  });

  test('of a benchmark', async () => {
    const { results } = await documentOf('bench', ['bench', 'cli', '--runs', '1']);
    expect(results).toEqual([expect.objectContaining({ name: 'cli.help', unit: 'ms', runs: 1 })]);
  });
});
