import { randomInt } from 'node:crypto';
import { parseSize } from '../../../src/arch/address.ts';
import { usageError } from '../usage-error.ts';

/** Numbers, sizes and times as the user typed them after an option, made sense of; usage errors for all else. */

export function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw usageError(`${option}: '${text}' is not a whole number`);
  return Number(text);
}

/** From `least` on, up to `most` where there is such a thing. */
export function numberBetween(option: string, text: string, least: number, most = Number.POSITIVE_INFINITY): number {
  const number = wholeNumber(option, text);
  const upTo = most === Number.POSITIVE_INFINITY ? 'on' : `to ${most}`;
  if (number < least || number > most) throw usageError(`${option}: '${text}' is not a number from ${least} ${upTo}`);
  return number;
}

export function sizeInBytes(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw usageError(`${option}: '${text}' is not a size; expected for example 512MiB or 4GiB`);
  if (bytes >= 2 ** 48) throw usageError(`${option}: '${text}' is more than physical addresses reach, 256TiB`);
  if (bytes === 0) throw usageError(`${option}: a board without memory holds no kernel`);
  return bytes;
}

/** 32 bits: given, or drawn. */
export function seedFrom(text: string | undefined): number {
  if (text === undefined) return randomInt(2 ** 32);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || Number(text) >= 2 ** 32)
    throw usageError(`--seed: '${text}' is not a number from 0 to ${2 ** 32 - 1}`);
  return Number(text);
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** '30s', '10m', '8h', '2d' in ms. */
export function durationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (match === null) throw usageError(`${option}: '${text}' is not a time; expected for example 30s, 10m or 8h`);
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}

/** Milliseconds without progress that are a verdict: too few, and a busy host looks like a hang. */
export function stallTime(text: string): number {
  const ms = wholeNumber('--stall', text);
  if (ms < SHORTEST_STALL_MS) throw usageError(`--stall: '${text}' is less than ${SHORTEST_STALL_MS} ms`);
  return ms;
}

const SHORTEST_STALL_MS = 100;

/** How long nothing may move before that is the verdict, in ms: longer on large boards, whose CPUs share few cores. */
export function stallMsFor(cpus: number): number {
  return 3000 + 40 * cpus;
}
