import { openRack } from '../thread/rack.ts';
import { soak as runSoak } from '../thread/soak.ts';
import { stallMsFor, stallTime } from './configuration/quantity.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { type FoundViolation, soakDocument } from './soak/soak-document.ts';
import { soakProgress } from './soak/soak-progress.ts';
import { roundReport, soakReport, verdictOf } from './soak/soak-report.ts';
import { againCommand, planLines, requested, type SoakCommandOptions } from './soak/soak-request.ts';
import { interrupted } from './terminal/interrupted.ts';
import { styleFor } from './terminal/style.ts';

/** Violations that are kept for the document, and rounds that are reported in full. */
const MOST_KEPT = 50;
const MOST_REPORTED = 5;

/** `asymmu soak`: round after round on threads. Returns the exit code. */
export async function soak(names: readonly string[], options: SoakCommandOptions): Promise<number> {
  const request = await requested(names, options);
  const { plan, firstRound } = request;
  const style = styleFor(process.stdout);
  const say = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  for (const line of planLines(request)) say(line);
  const stallMs = options.stall === undefined ? undefined : stallTime(options.stall);
  const progress = soakProgress(options.json ? process.stderr : process.stdout, request);
  const found: FoundViolation[] = [];
  const stop = interrupted();
  const began = performance.now();
  const rack = await openRack();
  try {
    const totals = await runSoak(rack, plan, {
      firstRound,
      ...(request.rounds === undefined ? {} : { rounds: request.rounds }),
      ...(request.forMs === undefined ? {} : { forMs: request.forMs }),
      keepGoing: options.keepGoing === true,
      noisy: options.noise !== false,
      // Nobody watches a soak: a busy host must not look like a hang.
      stallMs: (cpus) => stallMs ?? 2 * stallMsFor(cpus),
      signal: stop.signal,
      onRound: (round, sum) => progress.round(round, sum),
      onProgress: (_, running) => progress.show(running),
      onOutcome: (round, outcome) => {
        if (outcome.verdict !== 'violated') return;
        const again = againCommand(request, { name: round.reference.name, round: round.round });
        progress.clear();
        if (found.length < MOST_REPORTED) for (const line of roundReport(round, outcome, again, style)) say(line);
        else
          say(
            `round ${round.round}: ${outcome.violations.map(({ property }) => property).join(', ')}; again: ${again}`,
          );
        if (found.length < MOST_KEPT) found.push({ round, violations: outcome.violations, again });
      },
    });
    progress.clear();
    const memory = progress.memory();
    if (options.json)
      process.stdout.write(
        `${JSON.stringify(soakDocument(request, totals, found, memory, performance.now() - began), null, 2)}\n`,
      );
    else for (const line of soakReport(request, totals, memory, style)) say(line);
    return EXIT[verdictOf(totals)];
  } finally {
    stop.dispose();
    await rack.close();
  }
}

const EXIT = { good: EXIT_GOOD, violated: EXIT_VIOLATED, inconclusive: EXIT_INCONCLUSIVE } as const;
