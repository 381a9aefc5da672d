import { formatSize } from '../../../src/arch/address.ts';
import { type Board, memoryBytes } from '../../../src/hardware/board/board.ts';
import { catalogue } from '../../../src/scenario/catalogue.ts';
import type { Candidate, SoakPlan } from '../../thread/soak.ts';
import { askedWords, type ConfigurationOptions, configure, optionWords } from '../configuration/configuration.ts';
import { durationMs, seedFrom, wholeNumber } from '../configuration/quantity.ts';
import { clockText } from '../terminal/clock.ts';
import { usageError } from '../usage-error.ts';

/** What the user asks `soak` for, made sense of, and how to ask for it again. */

/** As the user typed them. */
export interface SoakCommandOptions extends ConfigurationOptions {
  readonly for?: string;
  readonly rounds?: string;
  readonly firstRound?: string;
  readonly keepGoing?: boolean;
  /** False: every round on the scenario's own board and kernel configuration. */
  readonly draw?: boolean;
  readonly noise?: boolean;
  readonly stall?: string;
  readonly json?: boolean;
}

/** A soak as it was asked for. */
export interface SoakRequest {
  readonly plan: SoakPlan;
  /** As they were typed: what a command that goes on must repeat. */
  readonly options: SoakCommandOptions;
  readonly forMs?: number;
  readonly rounds?: number;
  readonly firstRound: number;
}

const USUAL_TIME = '10m';

/** Throws usage errors. */
export async function requested(names: readonly string[], options: SoakCommandOptions): Promise<SoakRequest> {
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

/** What decides the rounds, before the first one. */
export function planLines(request: SoakRequest): string[] {
  return Object.entries(planDocument(request)).map(([key, value]) => `  ${key.padEnd(15)}${asText(value)}`);
}

function asText(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** What decides the rounds, as the document has it. */
export function planDocument({ plan, options, forMs, rounds, firstRound }: SoakRequest): Record<string, unknown> {
  const fixed = Object.entries(plan.fixedKernel).map(([key, value]) => `${key} ${value}`);
  const boards = new Set(plan.candidates.map(({ board }) => boardText(board)));
  return {
    scenarios: plan.candidates.map(({ scenario }) => scenario.name),
    boards: plan.drawBoards ? 'drawn anew in every round' : [...boards],
    kernel: plan.drawKernel ? ['drawn anew in every round', ...fixed] : "each scenario's own",
    ...(forMs === undefined ? {} : { for: options.for ?? clockText(forMs) }),
    ...(rounds === undefined ? {} : { rounds }),
    ...(firstRound === 0 ? {} : { firstRound }),
    seed: plan.seed,
  };
}

export function boardText(board: Board): string {
  return `${board.name} (${board.cpus.length} CPUs, ${board.granule}, ${formatSize(memoryBytes(board))})`;
}

/** The command line that runs one round again, or without one: that goes on from `round`. */
export function againCommand(request: SoakRequest, from: { readonly name?: string; readonly round: number }): string {
  const { plan, options } = request;
  const names = from.name === undefined ? plan.candidates.map(({ reference }) => reference.name) : [from.name];
  return [
    'npx asymmu soak',
    ...names,
    ...askedWords(options),
    ...optionWords({ stall: options.stall }),
    ...(options.draw === false ? ['--no-draw'] : []),
    ...(options.noise === false ? ['--no-noise'] : []),
    `--seed ${plan.seed}`,
    `--first-round ${from.round}`,
    ...(from.name === undefined ? [] : ['--rounds 1']),
  ].join(' ');
}
