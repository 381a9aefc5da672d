import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { durationMs } from '../../actors/cli/soak.ts';

const command = fileURLToPath(new URL('../../bin/asymmu.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `asymmu soak` with these words; `onOut` is told of all output so far. */
function soak(words: string, onOut: (out: string, interrupt: () => void) => void = () => {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [command, 'soak', ...words.split(' ')]);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      onOut(out, () => child.kill('SIGINT'));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('asymmu soak', () => {
  test('of good rounds ends with a summary and exit code 0', async () => {
    const { code, out } = await soak('repaint --board tiny-2 --no-draw --rounds 3 --seed 7');
    expect(out).toMatch(/GOOD {2}no property was violated in 3 rounds, seed 7/);
    expect(out).toMatch(/rounds +3 good, 0 violated, 0 inconclusive/);
    expect(out).toMatch(/memory +\d+ MiB at the start, \d+ MiB at most, \d+ MiB at the end/);
    expect(code).toBe(0);
  });

  test('prints what decides its rounds first, and the same document as JSON', async () => {
    const words = 'repaint --rounds 2 --seed 0x10 --revision v5';
    const [text, json] = await Promise.all([soak(words), soak(`${words} --json`)]);
    expect(text.out).toMatch(/^ {2}scenarios +repaint\n {2}boards +drawn .*\n {2}kernel +drawn .*, revision v5\n/);
    const document = JSON.parse(json.out);
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
    const { code, out } = await soak(`${words} --rounds 5 --seed 3 --first-round 4`);
    expect(code).toBe(1);
    expect(out).toMatch(/VIOLATED {2}stale/);
    expect(out).toMatch(/VIOLATED {2}a property was violated in 1 of 1 round,/);
    const again = out.match(/again: asymmu soak (.*)/)![1]!;
    expect(again).toBe(`${words} --seed 3 --first-round 4 --rounds 1`);
    const repeated = await soak(`${again} --json`);
    expect(repeated.code).toBe(1);
    const seed = out.match(/2 CPUs, seed (\d+)/)![1];
    expect(JSON.parse(repeated.out).violations[0]).toMatchObject({ property: 'stale', round: 4, seed: Number(seed) });
  });

  test('sums up at the first interrupt: good after complete rounds, without a verdict before', async () => {
    let told = false;
    const some = await soak('repaint --board tiny-2 --no-draw --for 10m', (out, interrupt) => {
      if (told || !out.includes('seed')) return;
      told = true;
      setTimeout(interrupt, 3000);
    });
    expect(some.out).toMatch(/GOOD {2}no property was violated in \d+ rounds, seed \d+; interrupted/);
    expect(some.out).toMatch(/go on +asymmu soak repaint --board tiny-2 --no-draw --seed \d+ --first-round \d+/);
    expect(some.code).toBe(0);
    const none = await soak('repaint --board asymmetric-8 --no-draw --for 1s --memory 32GiB');
    expect(none.out).toMatch(/INCONCLUSIVE {2}time was over without a verdict: 0 rounds/);
    expect(none.code).toBe(3);
  });

  test('refuses what makes no sense', async () => {
    const mistakes: [string, string][] = [
      ['--for soon', "--for: 'soon' is not a time"],
      ['--memory 1GiB', '--memory: drawn boards have their own size'],
      ['no-such-scenario', "unknown scenario 'no-such-scenario'"],
    ];
    for (const [words, message] of mistakes) {
      const { code, out, err } = await soak(words);
      expect(err).toContain(message);
      expect(out).toBe('');
      expect(code).toBe(2);
    }
  });

  test('understands times', () => {
    expect(['30s', '10m', '8h', '1.5h', '2d'].map((text) => durationMs('--for', text) / 1000)).toEqual([
      30, 600, 28_800, 5400, 172_800,
    ]);
  });
});
