import { catalogue } from '../../src/scenario/catalogue.ts';
import { openRack } from '../thread/rack.ts';
import { type Candidate, soak as runSoak } from '../thread/soak.ts';
import { configure, seedFrom, stallTime, wholeNumber } from './configuration/configuration.ts';
import { EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_VIOLATED } from './exit-code.ts';
import { stallMsFor } from './run.ts';
import {
  againCommand,
  type FoundViolation,
  planLines,
  roundReport,
  type SoakCommandOptions,
  type SoakRequest,
  soakDocument,
  soakProgress,
  soakReport,
  verdictOf,
} from './soak/soak-report.ts';
import { interrupted } from './terminal/interrupted.ts';
import { styleFor } from './terminal/style.ts';
import { usageError } from './usage-error.ts';

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

const USUAL_TIME = '10m';

async function requested(names: readonly string[], options: SoakCommandOptions): Promise<SoakRequest> {
  const draws = options.draw !== false;
  const drawBoards = draws && options.board === undefined;
  for (const [key, flag] of SIZES)
    if (drawBoards && options[key] !== undefined)
      throw usageError(`${flag}: drawn boards have their own size; say which board with --board, or --no-draw`);
  const seed = seedFrom(options.seed);
  const wanted = names.length > 0 ? names : catalogue.filter(({ expect }) => expect === 'good').map(({ name }) => name);
  const candidates: Candidate[] = [];
  for (const name of wanted) candidates.push(await configure(name, { ...options, seed: String(seed) }));
  const { kernel } = candidates[0]!;
  const fixed = KERNEL.filter((key) => options[key] !== undefined).map((key) => [key, kernel[key]]);
  const time = options.for ?? (options.rounds === undefined ? USUAL_TIME : undefined);
  return {
    plan: { seed, candidates, drawBoards, drawKernel: draws, fixedKernel: Object.fromEntries(fixed) },
    options,
    firstRound: options.firstRound === undefined ? 0 : wholeNumber('--first-round', options.firstRound),
    ...(time === undefined ? {} : { forMs: durationMs('--for', time) }),
    ...(options.rounds === undefined ? {} : { rounds: wholeNumber('--rounds', options.rounds) }),
  };
}

const SIZES = [
  ['cpus', '--cpus'],
  ['memory', '--memory'],
  ['granule', '--granule'],
  ['vaBits', '--va-bits'],
] as const;

const KERNEL = ['revision', 'rodata', 'kfence', 'debugPagealloc', 'realm', 'preemptRt'] as const;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** '30s', '10m', '8h', '2d' in ms. */
export function durationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (match === null) throw usageError(`${option}: '${text}' is not a time; expected for example 30s, 10m or 8h`);
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}
