import { openRack } from '../thread/rack.ts';
import { type Progress, runBoard } from '../thread/board-run.ts';
import { type ConfigurationOptions, configure, resolved, resolvedLines, wholeNumber } from './configuration.ts';
import { runDocument } from './document.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { interrupted } from './interrupted.ts';
import { runReport } from './report.ts';
import { styleFor } from './style.ts';
import { watchView } from './watch-view.ts';

export interface RunOptions extends ConfigurationOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly noise?: boolean;
  readonly stall?: string;
}

/** How long nothing may move before that is the verdict, in ms: longer on large boards, whose CPUs share few cores. */
export function stallMsFor(cpus: number): number {
  return 3000 + 40 * cpus;
}

/** `asymmu run`: boots the board on threads, runs the scenario, prints the verdict. Returns the exit code. */
export async function run(name: string, options: RunOptions): Promise<number> {
  const configuration = await configure(name, options);
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of resolvedLines(resolved(configuration), style.width)) say(line);
  const view = watchView(options.watch === true && !options.json, style, say);
  const stop = interrupted();
  const rack = await openRack();
  try {
    const outcome = await runBoard(rack, {
      board: configuration.board,
      scenario: configuration.scenario,
      reference: configuration.reference,
      kernel: configuration.kernel,
      seed: configuration.seed,
      noisy: options.noise !== false,
      stallMs: options.stall === undefined ? stallMsFor(configuration.board.cpus.length) : wholeNumber('--stall', options.stall),
      signal: stop.signal,
      onProgress: (progress: Progress) => view.show(progress),
    });
    view.end();
    if (options.json) process.stdout.write(`${JSON.stringify(runDocument(configuration, outcome), null, 2)}\n`);
    else for (const line of runReport(configuration, outcome, style)) say(line);
    return outcome.verdict === 'good' ? EXIT_GOOD : outcome.verdict === 'violated' ? EXIT_VIOLATED : EXIT_INCONCLUSIVE;
  } finally {
    stop.dispose();
    await rack.close();
  }
}
