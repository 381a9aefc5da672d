import type { Token } from '../../../src/explore/token/token.ts';
import type { StepLine } from '../report/step-text.ts';
import type { Style } from '../terminal/style.ts';
import { version } from '../version.ts';
import { type Shown, shownLines } from './again.ts';
import { type Explored, resolvedExplored } from './explore-configuration.ts';

/** What a replay says. */

export interface Replayed {
  /** The token as it was typed. */
  readonly text: string;
  readonly token: Token;
  readonly shown: Shown;
  /** Every step, if it was asked for. */
  readonly steps: readonly StepLine[];
}

/** What is replayed. */
export function replaySettings(explored: Explored, { schedule }: Token): Record<string, unknown> {
  const { seed: _, ...settings } = resolvedExplored(explored);
  if (schedule.kind === 'written') return { ...settings, decisions: schedule.answers.length };
  const { strategy, seed, index } = schedule;
  return { ...settings, strategy, seed, schedule: index };
}

export function replayReport({ scenario, board }: Explored, { text, shown, steps }: Replayed, style: Style): string[] {
  const { run, violations } = shown;
  const where = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs`;
  const size = `${run.points} points, ${run.decisions.answers.length} decisions, twice the same`;
  const trace = steps.length === 0 ? [] : ['', ...stepTable(steps)];
  if (run.verdict === 'violated') {
    const properties = [...new Set(violations.map(({ property }) => property))];
    return [
      ...trace,
      '',
      `${style.bad('VIOLATED')}  ${properties.join(', ')}: ${where}, replayed (${size})`,
      `  again: npx asymmu replay ${text}`,
      '',
      ...shownLines(shown, style),
    ];
  }
  const word = run.verdict === 'good' ? style.good('GOOD') : style.warn('INCONCLUSIVE');
  const what = run.verdict === 'good' ? 'no property is violated in this schedule' : 'the run was given up';
  return [...trace, '', `${word}  ${where}, replayed: ${what} (${size})`, `  again: npx asymmu replay ${text}`];
}

/** One line a step: its point, who acted, what it did, and what of that the trace has. */
function stepTable(steps: readonly StepLine[]): string[] {
  const width = Math.max(...steps.map(({ act }) => act.length));
  return steps.map(({ point, cpu, act, records }) =>
    `  ${String(point).padStart(5)}  CPU ${cpu}  ${act.padEnd(width)}  ${records.map(({ step, text }) => `${step}: ${text}`).join(' · ')}`.trimEnd(),
  );
}

export function replayDocument(explored: Explored, { text, token, shown, steps }: Replayed): Record<string, unknown> {
  const { run } = shown;
  return {
    command: 'replay',
    version: version(),
    token: text,
    config: replaySettings(explored, token),
    verdict: run.verdict,
    violations: run.violations.map((violation) => ({ ...violation, token: text })),
    counts: { points: run.points, decisions: run.decisions.answers.length },
    ...(steps.length === 0 ? {} : { steps }),
  };
}
