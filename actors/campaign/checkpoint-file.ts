import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DANGERS } from '../../src/explore/coverage/discovery.ts';
import type { Interleaver } from '../../src/explore/interleaver.ts';
import { TAME } from '../../src/explore/replay.ts';
import type { Checkpoint } from '../../src/explore/strategy/tree-search.ts';
import { digestOfData, digestOfNumbers } from '../../src/explore/token/digest.ts';
import type { SearchPlan } from './search-plan.ts';

/** A long exhaustive search on disk, so that it can go on after its process has ended. */

/** What had been done when the file was written. */
export interface Done {
  readonly schedules: number;
  readonly points: number;
  readonly givenUp: number;
  readonly cut: number;
  readonly dangers: readonly number[];
}

export const NOTHING_DONE: Done = { schedules: 0, points: 0, givenUp: 0, cut: 0, dangers: DANGERS.map(() => 0) };

export interface SavedSearch {
  readonly asymmu: 'checkpoint 1';
  /** Of what is searched, and how. */
  readonly plan: number;
  /** Of a run of its programs in which nothing happens that need not. */
  readonly programs: number;
  readonly done: Done;
  readonly checkpoint: Checkpoint;
}

/** The search cannot go on from there. */
export class CheckpointProblem extends Error {
  override readonly name = 'CheckpointProblem';
}

export function digestOfPlan({ exploration, strategy, options }: SearchPlan): number {
  const { seed: _, ...bounds } = options;
  return digestOfData({ exploration, strategy, bounds });
}

export function digestOfPrograms(interleaver: Interleaver): number {
  const { decisions, points } = interleaver.run(TAME);
  return digestOfNumbers([points, ...decisions.bounds]);
}

/** What the file holds; undefined where there is none. @throws CheckpointProblem for a file of another search or of none. */
export function readCheckpoint(file: string, plan: SearchPlan): SavedSearch | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  const saved = parsed(text);
  if (saved === undefined) throw new CheckpointProblem(`${file}: this is not a checkpoint of asymmu`);
  if (saved.plan !== digestOfPlan(plan))
    throw new CheckpointProblem(
      `${file}: the checkpoint is of another search: board, configuration, strategy or bounds`,
    );
  return saved;
}

export const PROGRAMS_CHANGED = 'the programs have changed since the checkpoint was written';

export function checkPrograms(file: string, saved: SavedSearch, interleaver: Interleaver): void {
  if (saved.programs !== digestOfPrograms(interleaver)) throw new CheckpointProblem(`${file}: ${PROGRAMS_CHANGED}`);
}

/** Written beside it first, so that there is a whole file at every moment. */
export function writeCheckpoint(file: string, saved: SavedSearch): void {
  writeFileSync(`${file}.new`, JSON.stringify(saved));
  renameSync(`${file}.new`, file);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(dirname(file))) return undefined;
    throw new CheckpointProblem(`${file}: ${(thrown as Error).message}`);
  }
}

function parsed(text: string): SavedSearch | undefined {
  try {
    const saved = JSON.parse(text) as SavedSearch | null;
    return saved?.asymmu === 'checkpoint 1' ? saved : undefined;
  } catch {
    return undefined;
  }
}
