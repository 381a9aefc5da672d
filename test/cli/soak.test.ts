import { describe, expect, test } from 'vitest';
import { durationMs } from '../../actors/cli/configuration/quantity.ts';
import { asymmu, type Ended, type How } from './command.ts';

/** `asymmu soak` with these words. */
const soak = (words: string, how?: How): Promise<Ended> => asymmu(['soak', ...words.split(' ')], how);

describe('asymmu soak', () => {
  test('of good rounds ends with a summary and exit code 0', async () => {
    const { code, stdout } = await soak('repaint --board tiny-2 --no-draw --rounds 3 --seed 7');
    expect(stdout).toMatch(/GOOD {2}no property was violated in 3 rounds, seed 7/);
    expect(stdout).toMatch(/rounds +3 good, 0 violated, 0 inconclusive/);
    expect(stdout).toMatch(/memory +\d+ MiB at the start, \d+ MiB at most, \d+ MiB at the end/);
    expect(code).toBe(0);
  });

  test('prints what decides its rounds first, and the same document as JSON', async () => {
    const words = 'repaint --rounds 2 --seed 0x10 --revision v5';
    const [text, json] = await Promise.all([soak(words), soak(`${words} --json`)]);
    expect(text.stdout).toMatch(/^ {2}scenarios +repaint\n {2}boards +drawn .*\n {2}kernel +drawn .*, revision v5\n/);
    const document = JSON.parse(json.stdout);
    expect(document).toMatchObject({
      command: 'soak',
      config: { scenarios: ['repaint'], rounds: 2, seed: 16 },
      verdict: 'good',
      rounds: { good: 2, violated: 0, next: 2 },
      violations: [],
    });
    expect(document.counts.accesses).toBeGreaterThan(0);
  });

  test('catches a bad twin in the first round, and says how to run that round again', async () => {
    const words = 'repaint/no-flush --board tiny-2 --no-draw';
    const { code, stdout } = await soak(`${words} --rounds 5 --seed 3 --first-round 4`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/VIOLATED {2}stale/);
    expect(stdout).toMatch(/VIOLATED {2}a property was violated in 1 of 1 round,/);
    const again = stdout.match(/again: npx asymmu soak (.*)/)![1]!;
    expect(again).toBe(`${words} --seed 3 --first-round 4 --rounds 1`);
    const repeated = await soak(`${again} --json`);
    expect(repeated.code).toBe(1);
    const seed = stdout.match(/2 CPUs, seed (\d+)/)![1];
    expect(JSON.parse(repeated.stdout).violations[0]).toMatchObject({
      property: 'stale',
      round: 4,
      seed: Number(seed),
    });
  });

  test('sums up at the first interrupt: good after complete rounds, without a verdict before', async () => {
    let told = false;
    const some = await soak('repaint --board tiny-2 --no-draw --for 10m', {
      onOutput: (stdout, child) => {
        if (told || !stdout.includes('seed')) return;
        told = true;
        setTimeout(() => child.kill('SIGINT'), 3000);
      },
    });
    expect(some.stdout).toMatch(/GOOD {2}no property was violated in \d+ rounds, seed \d+; interrupted/);
    expect(some.stdout).toMatch(/go on +npx asymmu soak repaint --board tiny-2 --no-draw --seed \d+ --first-round \d+/);
    expect(some.code).toBe(0);
    const none = await soak('repaint --board asymmetric-8 --no-draw --for 1s --memory 32GiB');
    expect(none.stdout).toMatch(/INCONCLUSIVE {2}time was over without a verdict: 0 rounds/);
    expect(none.code).toBe(3);
  });

  test('refuses what makes no sense', async () => {
    const mistakes: [string, string][] = [
      ['--for soon', "--for: 'soon' is not a time"],
      ['--memory 1GiB', '--memory: drawn boards have their own size'],
      ['no-such-scenario', "unknown scenario 'no-such-scenario'"],
    ];
    for (const [words, message] of mistakes) {
      const { code, stdout, stderr } = await soak(words);
      expect(stderr).toContain(message);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    }
  });

  test('understands times', () => {
    expect(['30s', '10m', '8h', '1.5h', '2d'].map((text) => durationMs('--for', text) / 1000)).toEqual([
      30, 600, 28_800, 5400, 172_800,
    ]);
  });
});
