import type { Interleaved } from '../../src/explore/interleaver.ts';
import { encodeToken, expectedOf, type Schedule } from '../../src/explore/token.ts';
import { type Explored, subjectOf } from './explore-configuration.ts';

/** The token of a run, and the command line that it is for. */

export function tokenOf(explored: Explored, schedule: Schedule, run: Interleaved): string {
  return encodeToken({ subject: subjectOf(explored), schedule, expected: expectedOf(run) });
}

export function replayCommand(token: string): string {
  return `npx asymmu replay ${token}`;
}
