import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeToken,
  type Expected,
  encodeToken,
  misfit,
  type Schedule,
  SETTINGS,
  type Subject,
  type Token,
  UnreadableToken,
} from '../../../src/explore/token/token.ts';

const word = fc.nat(2 ** 32 - 1);
const count = fc.nat(2 ** 40);
const cpuOrNone = fc.integer({ min: -1, max: 511 });
const text = fc.string({ unit: 'binary', maxLength: 20 });

const settings = fc.record(Object.fromEntries(SETTINGS.map((name) => [name, text])), { requiredKeys: [] });
const subject: fc.Arbitrary<Subject> = fc.record({
  scenario: text,
  settings: settings.map((given) => ({ ...given })),
  from: fc.constantFrom('power-on', 'brought-up'),
  mostPoints: count,
  boardDigest: word,
  kernelDigest: word,
});
const mostlyTame = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2 ** 31) });
const schedule: fc.Arbitrary<Schedule> = fc.oneof(
  fc.record({
    kind: fc.constant('drawn' as const),
    strategy: text,
    parameters: fc.array(count, { maxLength: 4 }),
    seed: word,
    index: count,
  }),
  fc.record({ kind: fc.constant('written' as const), answers: fc.array(mostlyTame, { maxLength: 300 }) }),
);
const expected: fc.Arbitrary<Expected> = fc.record({
  property: text,
  cpu: cpuOrNone,
  step: fc.integer({ min: -1, max: 2 ** 32 }),
  points: count,
  decisions: count,
  boundsDigest: word,
  violationsDigest: word,
});
const token: fc.Arbitrary<Token> = fc.record({ subject, schedule, expected });

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'];

const SMALL: Token = {
  subject: {
    scenario: 'repaint/no-flush',
    settings: { board: 'one-block', cpus: '4', realm: '' },
    from: 'brought-up',
    mostPoints: 20_000,
    boardDigest: 1,
    kernelDigest: 2,
  },
  schedule: { kind: 'drawn', strategy: 'random', parameters: [], seed: 1, index: 0 },
  expected: { property: 'stale', cpu: 0, step: 222, points: 154, decisions: 270, boundsDigest: 3, violationsDigest: 4 },
};

describe('a token', () => {
  test('says what was written into it', () => {
    fc.assert(fc.property(token, (one) => void expect(decodeToken(encodeToken(one))).toEqual(one)));
  });

  test('is made of letters that shells and URLs leave alone', () => {
    fc.assert(fc.property(token, (one) => void expect(encodeToken(one)).toMatch(/^a1\.[\w-]{6}\.[\w-]+$/)));
  });

  test('fits a line of a terminal where a seed says it all', () => {
    expect(encodeToken(SMALL).length).toBeLessThan(120);
  });

  test('of a schedule that is mostly tame costs what is not: two bytes each', () => {
    const length = (answers: readonly number[]): number =>
      encodeToken({ ...SMALL, schedule: { kind: 'written', answers } }).length;
    const tame = new Array<number>(1000).fill(0);
    expect(length(tame.with(500, 3).with(600, 2)) - length(tame)).toBeLessThan(10);
  });

  test('is refused with any one letter changed, whichever and to whatever', () => {
    const whole = encodeToken(SMALL);
    for (let at = 0; at < whole.length; at++)
      for (const letter of LETTERS) {
        if (letter === whole[at]) continue;
        expect(() => decodeToken(`${whole.slice(0, at)}${letter}${whole.slice(at + 1)}`)).toThrow(UnreadableToken);
      }
  });

  test('is refused with a letter changed, left out, doubled or swapped with its neighbour, whatever it says', () => {
    const damage = fc.constantFrom<(text: string, at: number) => string>(
      (text, at) => text.slice(0, at) + text.slice(at + 1),
      (text, at) => text.slice(0, at) + text[at] + text.slice(at),
      (text, at) => text.slice(0, at) + (text[at + 1] ?? '') + text[at] + text.slice(at + 2),
      (text, at) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`,
      (text, at) => text.slice(0, at),
    );
    fc.assert(
      fc.property(token, fc.nat(), damage, (one, where, change) => {
        const whole = encodeToken(one);
        const damaged = change(whole, where % whole.length);
        fc.pre(damaged !== whole);
        expect(() => decodeToken(damaged)).toThrow(UnreadableToken);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['', /begins with 'a1\.'/],
    ['repaint', /begins with 'a1\.'/],
    ['a2.AAAAAA.AAAA', /version 'a2' is unknown here; known: a1/],
    ['a1.AAAAAA.AAAA', /checksum does not fit: it is cut short or mistyped/],
    [encodeToken(SMALL).slice(0, -5), /checksum does not fit/],
  ])('%s is refused with the reason', (text, why) => expect(() => decodeToken(text)).toThrow(why));
});

describe('a run that is not the one of its token', () => {
  const { expected: was } = SMALL;
  test.each<[Partial<Expected>, RegExp]>([
    [{ property: '', cpu: -1, step: -1 }, /ends with no violation, and ended with 'stale' on CPU 0 at step 222/],
    [{ property: 'bbm' }, /ends with 'bbm' on CPU 0/],
    [{ step: 223 }, /at step 223/],
    [{ decisions: 3 }, /takes 3 decisions, and took 270/],
    [{ points: 155 }, /has 155 points, and had 154/],
    [{ boundsDigest: 9 }, /among other choices/],
    [{ violationsDigest: 9 }, /says something else/],
  ])('is known by %j', (change, why) => expect(misfit(was, { ...was, ...change })).toMatch(why));

  test('and the same one is not refused', () => expect(misfit(was, { ...was })).toBeUndefined());
});
