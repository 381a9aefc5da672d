import type { Decide } from '../decide.ts';
import type { Interleaved } from '../interleaver.ts';
import { Diverged } from '../replay.ts';
import { type ByteReader, type ByteWriter, base64url, byteReader, bytesOf, byteWriter, crc32 } from './byte-text.ts';
import { digestOfData, digestOfNumbers } from './digest.ts';

/**
 * One schedule as a short string: `a1.CHECKSUM.PAYLOAD`. It says what was explored, who decided, and what came of it, so
 * that the same run can be made again, and so that a run that is no longer the same is noticed.
 */
export interface Token {
  readonly subject: Subject;
  readonly schedule: Schedule;
  readonly expected: Expected;
}

/** What was explored: enough to build it again, and digests that tell whether that succeeded. */
export interface Subject {
  /** A name of the catalogue, or the path of a module as it was typed. */
  readonly scenario: string;
  /** What was asked for beside it; `true` is the empty text. */
  readonly settings: Readonly<Partial<Record<Setting, string>>>;
  readonly from: Start;
  readonly mostPoints: number;
  readonly boardDigest: number;
  readonly kernelDigest: number;
}

/** Names of settings. Their places in this list are part of the format: add at the end. */
export const SETTINGS = [
  'board',
  'cpus',
  'memory',
  'granule',
  'vaBits',
  'revision',
  'rodata',
  'kfence',
  'debugPagealloc',
  'realm',
  'small',
  'preemptRt',
] as const;
export type Setting = (typeof SETTINGS)[number];

/** Where runs start. Places are part of the format. */
const STARTS = ['power-on', 'brought-up'] as const;
export type Start = (typeof STARTS)[number];

/** Who decided: a strategy from a seed, or these answers and then tame ones. */
export type Schedule = DrawnSchedule | WrittenSchedule;

export interface DrawnSchedule {
  readonly kind: 'drawn';
  readonly strategy: string;
  /** What the strategy depends on beside the seed. */
  readonly parameters: readonly number[];
  readonly seed: number;
  readonly index: number;
}

export interface WrittenSchedule {
  readonly kind: 'written';
  readonly answers: readonly number[];
}

/**
 * Decides as it is written, then tamely. Throws `Diverged` where that cannot be done; where it can although something has
 * changed, what came of the run tells.
 */
export function writtenBy(answers: readonly number[]): Decide {
  let at = 0;
  const answer = (bound: number): number => {
    const wish = answers[at++] ?? 0;
    if (wish >= bound) throw new Diverged(at - 1, `there are ${bound} answers, and it was number ${wish}`);
    return wish;
  };
  return { next: ({ count }) => answer(count), chance: answer };
}

/** What came of the run. */
export interface Expected {
  /** Of the first violation; empty: there was none. */
  readonly property: string;
  readonly cpu: number;
  readonly step: number;
  readonly points: number;
  readonly decisions: number;
  /** Of the bounds of all questions that were asked: the program's fingerprint, as far as the run went. */
  readonly boundsDigest: number;
  readonly violationsDigest: number;
}

/** A text that is no token, or not a whole one. The message says why, on one line. */
export class UnreadableToken extends Error {
  override readonly name = 'UnreadableToken';
}

const PREFIX = 'a1';

export function encodeToken({ subject, schedule, expected }: Token): string {
  const to = byteWriter();
  writeSubject(to, subject);
  writeSchedule(to, schedule);
  writeExpected(to, expected);
  const payload = base64url(to.bytes());
  return `${PREFIX}.${checksum(payload)}.${payload}`;
}

/** Throws `UnreadableToken` for whatever `encodeToken` has not written: a single changed letter is always noticed. */
export function decodeToken(text: string): Token {
  const [prefix = '', sum = '', payload = '', ...rest] = text.split('.');
  if (!/^a\d+$/.test(prefix)) throw new UnreadableToken(`a token begins with '${PREFIX}.'`);
  if (prefix !== PREFIX) throw new UnreadableToken(`version '${prefix}' is unknown here; known: ${PREFIX}`);
  const bytes = bytesOf(payload);
  if (rest.length > 0 || bytes === undefined || sum !== checksum(payload))
    throw new UnreadableToken('its checksum does not fit: it is cut short or mistyped');
  const from = byteReader(bytes);
  try {
    const token = { subject: readSubject(from), schedule: readSchedule(from), expected: readExpected(from) };
    if (!from.atEnd()) throw new RangeError('more bytes than a token has');
    return token;
  } catch (thrown) {
    throw new UnreadableToken(
      `its checksum fits, but nothing wrote it: ${thrown instanceof Error ? thrown.message : thrown}`,
    );
  }
}

/** The prefix is summed too, so that no change of it can pass. */
function checksum(payload: string): string {
  const sum = byteWriter();
  sum.word(crc32(`${PREFIX}.${payload}`));
  return base64url(sum.bytes());
}

function writeSubject(to: ByteWriter, subject: Subject): void {
  const given = SETTINGS.flatMap((name, place) => {
    const value = subject.settings[name];
    return value === undefined ? [] : [[place, value] as const];
  });
  to.text(subject.scenario);
  to.number(given.length);
  for (const [place, value] of given) {
    to.number(place);
    to.text(value);
  }
  to.number(STARTS.indexOf(subject.from));
  to.number(subject.mostPoints);
  to.word(subject.boardDigest);
  to.word(subject.kernelDigest);
}

function readSubject(from: ByteReader): Subject {
  const scenario = from.text();
  const settings: Partial<Record<Setting, string>> = {};
  for (let left = from.number(); left > 0; left--) settings[oneOf(SETTINGS, from.number())] = from.text();
  return {
    scenario,
    settings,
    from: oneOf(STARTS, from.number()),
    mostPoints: from.number(),
    boardDigest: from.word(),
    kernelDigest: from.word(),
  };
}

const WRITTEN = 0;
const DRAWN = 1;

function writeSchedule(to: ByteWriter, schedule: Schedule): void {
  if (schedule.kind === 'written') {
    to.number(WRITTEN);
    writeAnswers(to, schedule.answers);
    return;
  }
  to.number(DRAWN);
  to.text(schedule.strategy);
  to.number(schedule.parameters.length);
  for (const parameter of schedule.parameters) to.number(parameter);
  to.number(schedule.seed);
  to.number(schedule.index);
}

function readSchedule(from: ByteReader): Schedule {
  const kind = from.number();
  if (kind === WRITTEN) return { kind: 'written', answers: readAnswers(from) };
  if (kind !== DRAWN) throw new RangeError(`a schedule of kind ${kind}`);
  const strategy = from.text();
  const parameters: number[] = [];
  for (let left = from.number(); left > 0; left--) parameters.push(from.number());
  return { kind: 'drawn', strategy, parameters, seed: from.number(), index: from.number() };
}

/** Most answers are 0: each other one is written behind the number of zeros before it. */
function writeAnswers(to: ByteWriter, answers: readonly number[]): void {
  to.number(answers.length);
  to.number(answers.filter((answer) => answer !== 0).length);
  let zeros = 0;
  for (const answer of answers) {
    if (answer === 0) zeros++;
    else {
      to.number(zeros);
      to.number(answer);
      zeros = 0;
    }
  }
}

/** More than any run decides; so that a forged token costs no memory. */
const MOST_ANSWERS = 2 ** 24;

function readAnswers(from: ByteReader): number[] {
  const length = from.number();
  if (length > MOST_ANSWERS) throw new RangeError(`${length} answers`);
  const answers = new Array<number>(length).fill(0);
  let at = 0;
  for (let left = from.number(); left > 0; left--) {
    at += from.number();
    if (at >= length) throw new RangeError('more answers than it says');
    answers[at++] = from.number();
  }
  return answers;
}

function writeExpected(to: ByteWriter, expected: Expected): void {
  to.text(expected.property);
  to.number(expected.cpu + 1);
  to.number(expected.step + 1);
  to.number(expected.points);
  to.number(expected.decisions);
  to.word(expected.boundsDigest);
  to.word(expected.violationsDigest);
}

function readExpected(from: ByteReader): Expected {
  return {
    property: from.text(),
    cpu: from.number() - 1,
    step: from.number() - 1,
    points: from.number(),
    decisions: from.number(),
    boundsDigest: from.word(),
    violationsDigest: from.word(),
  };
}

function oneOf<T>(list: readonly T[], place: number): T {
  if (place >= list.length) throw new RangeError(`place ${place} of ${list.length}`);
  return list[place]!;
}

/** What a token says of a run. */
export function expectedOf({ violations, decisions, points }: Interleaved): Expected {
  const [first] = violations;
  return {
    property: first?.property ?? '',
    cpu: first?.cpu ?? -1,
    step: first?.step ?? -1,
    points,
    decisions: decisions.answers.length,
    boundsDigest: digestOfNumbers(decisions.bounds),
    violationsDigest: digestOfData(
      violations.map(({ property, cpu, step, message }) => [property, cpu, step, message]),
    ),
  };
}

/** In what a run differs from what its token says, in words; undefined: in nothing. */
export function misfit(expected: Expected, found: Expected): string | undefined {
  const said = (of: Expected): string =>
    of.property === ''
      ? 'no violation'
      : `'${of.property}'${of.cpu < 0 ? '' : ` on CPU ${of.cpu}`}${of.step < 0 ? '' : ` at step ${of.step}`}`;
  if (said(expected) !== said(found)) return `it ends with ${said(found)}, and ended with ${said(expected)}`;
  if (expected.decisions !== found.decisions)
    return `it takes ${found.decisions} decisions, and took ${expected.decisions}`;
  if (expected.points !== found.points) return `it has ${found.points} points, and had ${expected.points}`;
  if (expected.boundsDigest !== found.boundsDigest) return 'its decisions are among other choices than they were';
  if (expected.violationsDigest !== found.violationsDigest) return `${said(found)} says something else than it did`;
  return undefined;
}
