import { type RunOutcome, runBoard } from '../thread/board-run.ts';
import { openRack } from '../thread/rack.ts';
import { type ConfigurationOptions, configure, resolved, resolvedLines } from './configuration/configuration.ts';
import { stallMsFor, stallTime } from './configuration/quantity.ts';
import { scenarioProblem } from './configuration/scenario-problem.ts';
import { runDocument } from './document/run-document.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { runReport } from './report/report.ts';
import { interrupted } from './terminal/interrupted.ts';
import { styleFor } from './terminal/style.ts';
import { watchView } from './watch/watch-view.ts';

export interface RunOptions extends ConfigurationOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly noise?: boolean;
  readonly stall?: string;
}

/** `asymmu run`: boots the board on threads, runs the scenario, prints the verdict. Returns the exit code. */
export async function run(name: string, options: RunOptions): Promise<number> {
  const configuration = await configure(name, options);
  const { scenario, board, seed } = configuration;
  const stallMs = options.stall === undefined ? stallMsFor(board.cpus.length) : stallTime(options.stall);
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of resolvedLines(resolved(configuration), style.width)) say(line);
  const title = `${scenario.name} on ${board.name}, ${board.cpus.length} CPUs, seed ${seed}`;
  const stop = interrupted();
  const rack = await openRack();
  const view = watchView({ watch: options.watch === true && !options.json, title, style, say });
  let outcome: RunOutcome;
  try {
    outcome = await runBoard(rack, {
      board,
      scenario,
      reference: configuration.reference,
      kernel: configuration.kernel,
      seed,
      noisy: options.noise !== false,
      stallMs,
      signal: stop.signal,
      onProgress: (progress) => view.show(progress),
    });
  } catch (thrown) {
    throw scenarioProblem(configuration.reference, thrown);
  } finally {
    stop.dispose();
    await rack.close();
    view.end();
  }
  if (options.json) process.stdout.write(`${JSON.stringify(runDocument(configuration, outcome), null, 2)}\n`);
  else for (const line of runReport(configuration, outcome, style)) say(line);
  return EXIT[outcome.verdict];
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;
