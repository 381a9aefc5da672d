import { isDeepStrictEqual } from 'node:util';
import type { Interleaved } from '../../src/explore/interleaver.ts';

/**
 * Where two runs of the same schedule part, in words; undefined: nowhere. They may not: all chance is in the decisions, so a
 * machine or a program that has some of its own is broken.
 */
export function parting(one: Interleaved, other: Interleaved): string | undefined {
  const [a, b] = [one.decisions, other.decisions];
  const both = Math.min(a.answers.length, b.answers.length);
  for (let at = 0; at < both; at++) {
    if (a.bounds[at] !== b.bounds[at])
      return `decision ${at} of the schedule was one of ${a.bounds[at]}, and then one of ${b.bounds[at]}`;
    if (a.answers[at] !== b.answers[at])
      return `decision ${at} of the schedule was ${a.answers[at]}, and then ${b.answers[at]}`;
  }
  if (a.answers.length !== b.answers.length)
    return `the schedule took ${a.answers.length} decisions, and then ${b.answers.length}`;
  if (one.points !== other.points) return `the schedule had ${one.points} points, and then ${other.points}`;
  const at = one.violations.findIndex((violation, i) => !isDeepStrictEqual(violation, other.violations[i]));
  if (at >= 0 || one.violations.length !== other.violations.length)
    return `the schedule ended with ${said(one, at)}, and then with ${said(other, at)}`;
  return one.verdict === other.verdict ? undefined : `the verdict was ${one.verdict}, and then ${other.verdict}`;
}

function said({ violations }: Interleaved, at: number): string {
  const violation = violations[Math.max(0, at)];
  if (violation === undefined) return at < 0 ? `${violations.length} violations` : 'nothing';
  return `'${violation.property}' on CPU ${violation.cpu} at step ${violation.step}: ${violation.message}`;
}
