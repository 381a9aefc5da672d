import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DocumentName } from '../../actors/cli/document/document-schemas.ts';
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
    const document = await documentOf('run', ['run', '--board', 'tiny-2', '--seed', '7', '--revision', 'v4']);
    expect(document).toMatchObject({
      config: { scenario: 'repaint', board: 'tiny-2', cpus: 2, granule: '4K', memory: '64M', revision: 'v4', seed: 7 },
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

  test('of an exploration that found something, with its token and how far it was shrunk', async () => {
    const document = await documentOf('explore', ['explore', 'repaint/no-flush', '--seed', '1', '--jobs', '1'], 1);
    expect(document).toMatchObject({ verdict: 'violated', reason: 'violation', counts: { schedules: 1, violated: 1 } });
    const [first] = document.violations as Record<string, unknown>[];
    expect(first).toMatchObject({
      property: 'stale',
      schedule: 0,
      shrunk: { before: { cpus: 4 }, after: { cpus: 2 } },
      cures: expect.arrayContaining([expect.objectContaining({ insert: 'TLBI VMALLE1IS; DSB ISH; ISB', cpu: 0 })]),
    });
    const replayed = await documentOf('replay', ['replay', String(first!.token), '--trace'], 1);
    const [same] = replayed.violations as Record<string, unknown>[];
    for (const key of ['property', 'cpu', 'step', 'message', 'evidence', 'token'])
      expect(same![key]).toEqual(first![key]);
    expect(replayed.config).toMatchObject({ cpus: 2 });
    expect(new Set((replayed.steps as { point: number }[]).map(({ point }) => point)).size).toBe(
      (replayed.counts as { points: number }).points,
    );
  });

  test('of an exploration that found nothing, with what that is worth', async () => {
    const document = await documentOf('explore', ['explore', 'repaint', '--strategy', 'pct', '--schedules', '20']);
    expect(document).toMatchObject({
      config: { scenario: 'repaint', strategy: 'pct', depth: 3, schedules: 20 },
      verdict: 'good',
      reason: 'schedules',
      violations: [],
      counts: { schedules: 20, givenUp: 0 },
      discovery: { curve: [{ schedules: 1 }, { schedules: 10 }, { schedules: 20 }] },
      worth: expect.stringContaining('3 orderings'),
    });
  });

  test('of a benchmark', async () => {
    const { results } = await documentOf('bench', ['bench', 'cli', '--runs', '1']);
    expect(results).toEqual([expect.objectContaining({ name: 'cli.help', unit: 'ms', runs: 1 })]);
  });
});
