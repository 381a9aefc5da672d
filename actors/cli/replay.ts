import type { Decide } from '../../src/explore/decide.ts';
import type { Interleaver } from '../../src/explore/interleaver.ts';
import { Diverged, replaying } from '../../src/explore/replay.ts';
import {
  decodeToken,
  expectedOf,
  misfit,
  type Schedule,
  type Subject,
  type Token,
  UnreadableToken,
  writtenBy,
} from '../../src/explore/token/token.ts';
import { explorerOf } from '../campaign/exploration.ts';
import { STRATEGIES, STRATEGY_NAMES } from '../campaign/strategies.ts';
import { resolvedLines } from './configuration/configuration.ts';
import { unknownScenario } from './configuration/scenario-name.ts';
import { diverged } from './diverged.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { madeAgain } from './explore/again.ts';
import { explorationProblem } from './explore/exploration-problem.ts';
import { configureExplored, type Explored, optionsOf, subjectOf } from './explore/explore-configuration.ts';
import { replayDocument, replayReport, replaySettings } from './explore/replay-report.ts';
import { stepWriter } from './report/step-text.ts';
import { styleFor } from './terminal/style.ts';
import { usageError } from './usage-error.ts';

export interface ReplayOptions {
  readonly trace?: boolean;
  readonly json?: boolean;
}

/** `asymmu replay TOKEN`: the same run once more, or why that cannot be. Returns the exit code. */
export async function replay(text: string, options: ReplayOptions): Promise<number> {
  const token = tokenFrom(text);
  const explored = await builtAgain(token.subject);
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of resolvedLines(replaySettings(explored, token), style.width)) say(line);
  try {
    const interleaver = explorerOf(explored.plan, explored.scenario);
    const steps = stepWriter(interleaver);
    const decide = decideAs(token.schedule, interleaver);
    const first = interleaver.run(decide, options.trace ? steps.acted : undefined);
    const why = misfit(token.expected, expectedOf(first));
    if (why !== undefined) throw unfit(why);
    const shown = madeAgain(explored, interleaver, replaying(first.decisions), first);
    const outcome = { text, token, shown, steps: steps.lines() };
    if (options.json) process.stdout.write(`${JSON.stringify(replayDocument(explored, outcome), null, 2)}\n`);
    else for (const line of replayReport(explored, outcome, style)) say(line);
    return EXIT[first.verdict];
  } catch (thrown) {
    if (thrown instanceof Diverged) throw unfit(thrown.message.replace(/^the run no longer fits its record: /, ''));
    throw explorationProblem(explored, thrown);
  }
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;

function tokenFrom(text: string): Token {
  try {
    return decodeToken(text);
  } catch (thrown) {
    if (thrown instanceof UnreadableToken) throw usageError(`no token: ${thrown.message}`);
    throw thrown;
  }
}

function unfit(why: string): Error {
  return diverged(`the token does not fit any more: ${why}`);
}

/** The same configuration, or why there is none any more. */
async function builtAgain(subject: Subject): Promise<Explored> {
  const { scenario, settings, from, mostPoints } = subject;
  const unknown = unknownScenario(scenario);
  if (unknown !== undefined) throw unfit(unknown);
  const explored = await configureExplored(scenario, {
    ...optionsOf(settings),
    from,
    mostPoints,
    charts: 'tables',
    seed: '0',
  });
  const found = subjectOf(explored);
  const changed =
    found.boardDigest !== subject.boardDigest
      ? `board '${explored.board.name}'`
      : found.kernelDigest !== subject.kernelDigest
        ? "the kernel's configuration"
        : undefined;
  if (changed !== undefined) throw unfit(`${changed} is not what it was`);
  return explored;
}

function decideAs(schedule: Schedule, interleaver: Interleaver): Decide {
  if (schedule.kind === 'written') return writtenBy(schedule.answers);
  const name = STRATEGY_NAMES.find((one) => one === schedule.strategy && STRATEGIES[one].numbered);
  const decide = name && STRATEGIES[name].make(interleaver, schedule.seed, schedule.parameters).decide(schedule.index);
  if (decide === undefined) throw unfit(`there is no strategy '${schedule.strategy}' to decide it`);
  return decide;
}
