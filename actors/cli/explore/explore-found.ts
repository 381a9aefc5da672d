import type { RunSize } from '../../../src/explore/explain/account.ts';
import type { Explanation } from '../../../src/explore/explain/explain.ts';
import type { Interleaved } from '../../../src/explore/interleaver.ts';
import { replaying } from '../../../src/explore/replay.ts';
import { encodeToken, expectedOf, type Schedule, writtenBy } from '../../../src/explore/token/token.ts';
import { explorerOf } from '../../campaign/exploration.ts';
import type { FoundRun } from '../../campaign/range.ts';
import { LONGEST_SHRINK_MS, shrinkOnPool } from '../../campaign/shrink-pool.ts';
import { STRATEGIES } from '../../campaign/strategies.ts';
import { madeAgain, type Shown } from './again.ts';
import { configureExplored, type Explored, optionsOf, subjectOf } from './explore-configuration.ts';
import type { ExploreRequest } from './explore-request.ts';

/** What becomes of a schedule that violates a property: it is made again, made small, and given a token. */

/** A violation that anybody can make again. */
export interface ShownFound extends Shown {
  /** The schedule that it was found in. */
  readonly index: number;
  readonly token: string;
  /** How much smaller than that the run is which is shown. */
  readonly shrunk?: Shrinking;
  /** What it lacks; undefined: nobody had the time to find out. */
  readonly explanation?: Explanation;
  /** Why it is as it was found, although it was to be made small. */
  readonly notShrunk?: string;
}

export interface Shrinking {
  readonly before: RunSize;
  readonly after: RunSize;
  /** Runs it took. */
  readonly runs: number;
}

/** The run as it was found, made again here. */
export function asFound(request: ExploreRequest, parameters: readonly number[], { index, run }: FoundRun): ShownFound {
  const { explored, strategy } = request;
  const { numbered, make } = STRATEGIES[strategy];
  const { seed, plan, scenario } = explored;
  const interleaver = explorerOf(plan, scenario);
  const schedule: Schedule = numbered
    ? { kind: 'drawn', strategy, parameters, seed, index }
    : { kind: 'written', answers: run.decisions.answers };
  const decide = numbered ? make(interleaver, seed, parameters).decide(index)! : replaying(run.decisions);
  const shown = madeAgain(explored, interleaver, decide, run);
  return { ...shown, index, token: tokenOf(explored, schedule, shown.run) };
}

/** What makes the run again. */
export function tokenOf(explored: Explored, schedule: Schedule, run: Interleaved): string {
  return encodeToken({ subject: subjectOf(explored), schedule, expected: expectedOf(run) });
}

/** A smaller run that violates the same property; as it was where there is none, or no time for one. */
export async function madeSmall(
  { explored }: ExploreRequest,
  found: ShownFound,
  signal: AbortSignal,
  progress: (at: string) => void,
): Promise<ShownFound> {
  const { property } = found.violations[0]!;
  const asItWas = (notShrunk: string): ShownFound => ({ ...found, notShrunk });
  if (property === 'chart') return asItWas('which charts there are goes by the number of CPUs');
  const small = await shrinkOnPool({ plan: explored.plan, run: found.run }, signal, progress);
  if (small === undefined)
    return asItWas(signal.aborted ? 'interrupted' : `it takes more than ${LONGEST_SHRINK_MS / 1000} s`);
  const { explanation } = small;
  const { answers, board, before, after, runs } = small.shrunk;
  const smaller = await onFewerCpus(explored, board.cpus.length);
  if (subjectOf(smaller).boardDigest !== subjectOf({ ...smaller, plan: { ...smaller.plan, board } }).boardDigest)
    return asItWas('no options lead to the smaller board');
  const again = madeAgain(smaller, explorerOf(smaller.plan, smaller.scenario), writtenBy(answers));
  if (again.violations[0]?.property !== property) return asItWas('the charts object to the smaller run');
  const token = tokenOf(smaller, { kind: 'written', answers }, again.run);
  const shown = { ...again, index: found.index, token, shrunk: { before, after, runs } };
  return explanation === undefined ? shown : { ...shown, explanation };
}

async function onFewerCpus(explored: Explored, cpus: number): Promise<Explored> {
  const { plan, settings, reference, seed } = explored;
  if (plan.board.cpus.length === cpus) return explored;
  const { from, mostPoints, charts } = plan;
  const options = { ...optionsOf(settings), cpus: String(cpus), seed: String(seed) };
  return configureExplored(reference.name, { ...options, from, mostPoints, charts });
}
