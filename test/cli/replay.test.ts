import { beforeAll, describe, expect, test } from 'vitest';
import { decodeToken, encodeToken, type Token } from '../../src/explore/token/token.ts';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

const found = ['explore', 'repaint/no-flush', '--seed', '1', '--jobs', '1', '--no-shrink'];
let token = '';
let printed = '';

beforeAll(async () => {
  const { stdout } = await asymmu(found);
  printed = stdout;
  token = /npx asymmu replay (\S+)/.exec(stdout)![1]!;
});

/** From the violation to the last of the lanes: what a reader compares. */
function failure(text: string): string {
  const from = text.indexOf('\n  stale (CPU');
  return text.slice(from).split('\n  covered')[0]!.trimEnd();
}

describe('asymmu replay', () => {
  test('shows the same violation, at the same step, with the same message and the same lanes', async () => {
    const { code, stdout, stderr } = await asymmu(['replay', token]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(failure(stdout)).toBe(failure(printed));
    expect(failure(stdout)).toMatch(/stale \(CPU 0, step \d+\): [\s\S]*step \| CPU 0[\s\S]*\* repaint\.released[ |]*$/);
  });

  test('prints what is replayed, and twice the same text each time', async () => {
    const [one, other] = [await asymmu(['replay', token]), await asymmu(['replay', token])];
    expect(one.stdout).toMatch(/^ {2}scenario repaint\/no-flush · board one-block · cpus 4 · /);
    expect(one.stdout.replace(/\s+/g, ' ')).toContain('strategy random · seed 1 · schedule 0');
    expect(one.stdout).toContain('decisions, twice the same)');
    expect(other.stdout).toBe(one.stdout);
  });

  test('prints every step with --trace: its point, who acted, and what, as lanes say it', async () => {
    const { stdout } = await asymmu(['replay', token, '--trace']);
    const points = /replayed \((\d+) points/.exec(stdout)![1]!;
    const steps = stdout.match(/^ +\d+ {2}CPU \d {2}.*$/gm)!;
    const numbers = steps.map((line) => Number(/\d+/.exec(line)![0]));
    expect(Math.max(...numbers)).toBe(Number(points));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(Number(points));
    expect(steps.filter((line) => line.endsWith(' speculates')).length).toBeGreaterThan(5);
    expect(steps.at(-1)).toMatch(/\d+: \* repaint\.released[ |]*$/);
    expect(steps.join('\n')).toMatch(/CPU \d {2}store multi_stop_state +\d+: STR multi_stop_state = 1/);
  });

  test.each([
    ['nonsense', /^asymmu: no token: a token begins with 'a1\.'\n$/],
    ['a9.AAAAAA.AAAA', /^asymmu: no token: version 'a9' is unknown here; known: a1\n$/],
  ])('refuses %s with 2 and one line', async (text, why) => {
    const { code, stdout, stderr } = await asymmu(['replay', text]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(why);
  });

  test('refuses a token that is cut short or mistyped with 2 and one line', async () => {
    for (const text of [token.slice(0, -3), token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))]) {
      const { code, stderr } = await asymmu(['replay', text]);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'asymmu: no token: its checksum does not fit: it is cut short or mistyped\n',
      });
    }
  });
});

describe('a token that no longer fits is refused with 4 and the reason', () => {
  const changed = (change: (token: Token) => Token): string => encodeToken(change(decodeToken(token)));
  const subject = (more: Partial<Token['subject']>) => (one: Token) => ({
    ...one,
    subject: { ...one.subject, ...more },
  });
  const expected = (more: Partial<Token['expected']>) => (one: Token) => ({
    ...one,
    expected: { ...one.expected, ...more },
  });

  test.each<[string, (one: Token) => Token, RegExp]>([
    ['a board that is another', subject({ settings: { cpus: '3' } }), /board 'one-block' is not what it was/],
    [
      'a kernel that is another',
      subject({ settings: { revision: 'v5' } }),
      /the kernel's configuration is not what it was/,
    ],
    ['a scenario that is gone', subject({ scenario: 'repaint/gone' }), /unknown scenario 'repaint\/gone'/],
    ['a text that was mended', subject({ scenario: 'repaint' }), /it ends with no violation, and ended with 'stale'/],
    ['another message', expected({ violationsDigest: 1 }), /says something else than it did/],
    ['other choices', expected({ boundsDigest: 1 }), /its decisions are among other choices/],
    [
      'a decision that is not there to be made',
      (one) => ({ ...one, schedule: { kind: 'written', answers: [0, 0, 99] } }),
      /any more: at decision 2 there are \d+ answers, and it was number 99/,
    ],
    [
      'a strategy that is gone',
      (one) => ({ ...one, schedule: { ...one.schedule, strategy: 'lottery' } as Token['schedule'] }),
      /there is no strategy 'lottery'/,
    ],
  ])('%s', async (_, change, why) => {
    const { code, stderr } = await asymmu(['replay', changed(change)]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^asymmu: the token does not fit any more: [^\n]*\n$/);
    expect(stderr).toMatch(why);
  });

  test('a module that has changed since', async () => {
    const module = (
      stores: number,
    ): string => `import { defineScenario, halt, store, type Cpu, type Kernel } from 'asymmu';
export default defineScenario({ name: 'mine', summary: 'dies', board: 'one-block', programs: (cpu) => function* (c: Cpu, k: Kernel) {
  for (let i = 0; i < ${stores}; i++) yield* store(c, k.symbols.variables.cpu_stop_done, 1n);
  if (cpu === 0) yield* halt(c, 'of a bug');
} });
`;
    const [one, other] = [folderWith({ 'mine.ts': module(3) }), folderWith({ 'mine.ts': module(4) })];
    const { stdout } = await asymmu(['explore', './mine.ts', '--jobs', '1', '--no-shrink'], { cwd: one });
    const mine = /npx asymmu replay (\S+)/.exec(stdout)![1]!;
    expect((await asymmu(['replay', mine], { cwd: one })).code).toBe(1);
    const { code, stderr } = await asymmu(['replay', mine], { cwd: other });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^asymmu: the token does not fit any more: [^\n]*\n$/);
    const gone = await asymmu(['replay', mine], { cwd: folderWith({}) });
    expect({ code: gone.code, stderr: gone.stderr }).toEqual({
      code: 2,
      stderr: 'asymmu: ./mine.ts: no such file\n',
    });
  });
});

test('a module that takes chance from elsewhere is told so, with 70, and where two runs part', async () => {
  const folder = folderWith({
    'dice.ts': `import { defineScenario, halt, store, type Cpu, type Kernel } from 'asymmu';
export default defineScenario({ name: 'dice', summary: 'throws dice', board: 'one-block', programs: () => function* (c: Cpu, k: Kernel) {
  const times = Math.floor(Math.random() * 1000);
  for (let i = 0; i < times; i++) yield* store(c, k.symbols.variables.cpu_stop_done, 1n);
  yield* halt(c, 'of chance');
} });
`,
  });
  const { code, stderr } = await asymmu(['explore', './dice.ts', '--schedules', '1', '--jobs', '1'], { cwd: folder });
  expect(code).toBe(70);
  expect(stderr).toMatch(
    /^asymmu: internal error: Error: the same schedule of \.\/dice\.ts did not give the same run: [^\n]*\d/,
  );
  expect(stderr).toContain('does the module take chance from elsewhere than cpu.choose()?');
});
