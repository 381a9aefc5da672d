import { type Row, rows } from '../bench/rows.ts';
import { didYouMean } from './closest.ts';
import { numberBetween } from './configuration/quantity.ts';
import { EXIT_GOOD } from './exit-code.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

export interface BenchOptions {
  readonly runs?: string;
  readonly json?: boolean;
}

/** One measured figure. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** `asymmu bench`: measures the named rows, or all but the slow ones. */
export async function bench(names: readonly string[], options: BenchOptions): Promise<number> {
  const runs = options.runs === undefined ? 7 : numberBetween('--runs', options.runs, 1);
  const known = rows.map(({ name }) => name);
  for (const name of names)
    if (!known.some((row) => matches(row, name)))
      throw usageError(`unknown benchmark '${name}'${didYouMean(name, known)}; there are ${known.join(', ')}`);
  const chosen = rows.filter(({ name }) => names.length === 0 || names.some((wanted) => matches(name, wanted)));
  const results: Result[] = [];
  for (const row of chosen) {
    const result = summarise(row, await row.measure(runs));
    results.push(result);
    if (!options.json) process.stdout.write(`${line(row, result)}\n`);
  }
  if (options.json)
    process.stdout.write(`${JSON.stringify({ command: 'bench', version: version(), results }, null, 2)}\n`);
  return EXIT_GOOD;
}

/** `threads` names every `threads.` row. */
function matches(name: string, wanted: string): boolean {
  return name === wanted || name.startsWith(`${wanted}.`);
}

function summarise({ name, unit }: Row, samples: readonly number[]): Result {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { name, unit, median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

function line({ what, bar, better, unit, name }: Row, { median, min, max, runs }: Result): string {
  const reached = better === 'higher' ? median >= bar : median <= bar;
  const figure = `${round(median)} ${unit}`.padStart(16);
  const span = `(${round(min)} to ${round(max)}, ${runs} runs)`.padEnd(32);
  return `${name.padEnd(24)}${figure}  ${span} bar ${better === 'higher' ? '>=' : '<='} ${bar} ${unit}: ${reached ? 'reached' : 'MISSED'}; ${what}`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
