import { describe, expect, test } from 'vitest';
import { asymmu } from './command.ts';
import { small } from './covered-document.ts';

describe('asymmu explore --coverage', () => {
  test('is not there when nobody asks, and not with a checkpoint, which does not keep it', async () => {
    const { stdout } = await asymmu(['explore', 'repaint', '--schedules', '2', '--json', ...small]);
    expect(JSON.parse(stdout)).not.toHaveProperty('coverage');
    const { code, stderr } = await asymmu([
      'explore',
      'repaint',
      '--strategy',
      'dfs',
      '--checkpoint',
      'x',
      '--coverage',
    ]);
    expect([code, stderr]).toEqual([2, 'asymmu: --coverage: a checkpoint does not keep what was covered before\n']);
  });
});

describe('asymmu explore --strategy novel', () => {
  test('is good when it has found nothing, and says what that is worth', async () => {
    const { code, stdout } = await asymmu(['explore', 'repaint', '--strategy', 'novel', '--schedules', '20', ...small]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/GOOD .* novel, seed 1: no property was violated in 20 schedules, as many as were run/);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/steered towards what few schedules had met: no bound/);
  });

  test('finds a bad twin, whose token makes it again', async () => {
    const args = ['explore', 'repaint/no-flush', '--strategy', 'novel', '--no-shrink', '--json', ...small];
    const { code, stdout } = await asymmu(args);
    const { violations } = JSON.parse(stdout) as { violations: { property: string; token: string }[] };
    expect([code, violations[0]!.property]).toEqual([1, 'stale']);
    const again = await asymmu(['replay', violations[0]!.token, '--json']);
    const { violations: replayed } = JSON.parse(again.stdout) as { violations: typeof violations };
    expect([again.code, replayed[0]!.property]).toEqual([1, 'stale']);
  });

  test.each([
    [['--jobs', '2'], /--jobs: the schedules of 'novel' follow from each other; it has one job/],
    [['--checkpoint', 'x'], /--checkpoint: 'novel' is not exhaustive; it cannot go on/],
    [['--depth', '2'], /--depth: the strategy 'novel' does not ask for it/],
  ])('does not take %j', async (more, message) => {
    const { code, stderr } = await asymmu(['explore', 'repaint', '--strategy', 'novel', ...more]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
