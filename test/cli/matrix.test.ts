import { describe, expect, test } from 'vitest';
import { documentSchemas } from '../../actors/cli/document/document-schemas.ts';
import { SITUATIONS } from '../../actors/cli/matrix.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { asymmu } from './command.ts';

describe('asymmu matrix', () => {
  test('has a row for each way in which the CPUs of a board differ, and each kernel that boots in another way', () => {
    expect(SITUATIONS.every(({ board }) => boardPresets.get(board)?.granule === '4K')).toBe(true);
    expect(new Set(SITUATIONS.map(({ name }) => name)).size).toBe(SITUATIONS.length);
  });

  test('is a table of revisions by boards; what went wrong is told once, with a token', async () => {
    const args = ['matrix', '--boards', 'asymmetric-8 (PREEMPT_RT), symmetric-8', '--schedules', '2', '--seed', '1'];
    const { code, stdout, aloneInItsGroup } = await asymmu(args);
    expect({ code, aloneInItsGroup }).toEqual({ code: 1, aloneInItsGroup: true });
    expect(stdout).toMatch(/^ +v4 +v5 +6\.18 +7\.1 +7\.3 +rox-rfc$/m);
    expect(stdout).toMatch(
      /^ {2}asymmetric-8 \(PREEMPT_RT\) +context +linear-map +context +context +context +context$/m,
    );
    expect(stdout).toMatch(/^ {2}symmetric-8 +good +good +good +good +good +good$/m);
    expect(stdout.replace(/\s+/g, ' ')).toContain('in v4, 6.18, 7.1, 7.3, rox-rfc on asymmetric-8 (PREEMPT_RT)');
    expect(stdout).toMatch(/^ {2}symmetric-8 \(realm\) +warn +warn +warn +good +good +good$/m);
    expect(stdout.match(/npx asymmu replay a1\.\S+/g)).toHaveLength(3);
  });

  test('is one document as published, whose tokens make the violation again', async () => {
    const { code, stdout } = await asymmu([
      'matrix',
      'repaint',
      '--revision',
      'v5',
      '--boards',
      'asymmetric-8,plain-8',
      '--schedules',
      '2',
      '--seed',
      '1',
      '--json',
    ]);
    expect(code).toBe(1);
    const document = documentSchemas.matrix.parse(JSON.parse(stdout));
    expect(document.verdict).toBe('violated');
    const found = Object.fromEntries(document.cells.map((cell) => [cell.board, cell.found]));
    expect(found).toEqual({
      'asymmetric-8': 'linear-map',
      'asymmetric-8 (realm)': 'warn',
      'asymmetric-8 (PREEMPT_RT)': 'linear-map',
      'plain-8': 'good',
    });
    const replayed = await asymmu(['replay', document.cells[0]!.token!]);
    expect([replayed.code, replayed.stdout]).toEqual([1, expect.stringContaining('is still made of blocks')]);
  });

  test('refuses what it cannot make small', async () => {
    const { code, stderr } = await asymmu(['matrix', '--boards', 'asymmetric-16k']);
    expect([code, stderr]).toEqual([2, 'asymmu: --small: asymmetric-16k has the 16K granule, not 4K\n']);
  });
});
