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

  test('has room for whole blocks on its small boards: 6.18 passes over one that was made invalid', async () => {
    const { stdout } = await asymmu([
      'matrix',
      'validity',
      '--boards',
      'symmetric-8',
      '--schedules',
      '2',
      '--seed',
      '1',
    ]);
    expect(stdout).toMatch(/^ {2}symmetric-8 +promise +promise +promise +good +good +good$/m);
  });

  test('names a board once, and has no rows of realms where every kernel runs in one', async () => {
    const args = ['matrix', '--boards', 'symmetric-8,symmetric-8', '--realm', '--schedules', '2', '--seed', '1'];
    const { stdout } = await asymmu(args);
    expect(stdout.match(/^ {2}symmetric-8\b.*$/gm)).toEqual([
      expect.stringMatching(/^ {2}symmetric-8 +warn/),
      expect.stringMatching(/^ {2}symmetric-8 \(PREEMPT_RT\) +warn/),
    ]);
  });

  test('of a twin says that good means not caught', async () => {
    const args = ['matrix', 'split-range/one-end-split', '--boards', 'plain-8', '--schedules', '2', '--seed', '1'];
    const { code, stdout } = await asymmu(args);
    expect([code, stdout]).toEqual([0, expect.stringContaining('a bad twin, which warn should catch; good: it was')]);
  });

  test('of a row that is like all others takes the board', async () => {
    const { stdout } = await asymmu([
      'matrix',
      '--boards',
      'plain-8,symmetric-8 (realm)',
      '--realm',
      '--schedules',
      '2',
    ]);
    expect(stdout.match(/^ {2}(plain|symmetric)-8\S*( \(\w+\))?/gm)).toEqual(['  plain-8', '  symmetric-8']);
  });

  test.each([
    ['--board', 'plain-8'],
    ['--granule', '16K'],
  ])('has no %s: it goes through several small boards', async (...args) => {
    const { code, stderr } = await asymmu(['matrix', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`unknown option '${args[0]}'`)]);
  });

  test('refuses what it cannot make small', async () => {
    const { code, stderr } = await asymmu(['matrix', '--boards', 'asymmetric-16k']);
    expect([code, stderr]).toEqual([
      2,
      'asymmu: it cannot be made small: asymmetric-16k has the 16K granule, not 4K\n',
    ]);
  });
});
