import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formatSize } from '../../../src/arch/address.ts';
import { type Board, granuleBytes, granules, memoryBytes, type VaBits } from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { type BoardSize, resizeBoard } from '../../../src/hardware/board/board-resize.ts';
import { poolPlace } from '../../../src/hardware/memory/layout.ts';
import {
  DEFAULT_CONFIG,
  type KernelConfig,
  KFENCE,
  REVISIONS,
  RODATA,
  tablePagesNeeded,
} from '../../../src/kernel/config.ts';
import { kernelText } from '../../../src/kernel/text.ts';
import { scenarioNamed } from '../../../src/scenario/catalogue.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import type { ScenarioReference } from '../../thread/protocol.ts';
import { librarySource, loadScenario } from '../../thread/scenario-loader.ts';
import { loadBoard } from '../board/board-file.ts';
import { wrap } from '../terminal/wrap.ts';
import { isUsageError, usageError } from '../usage-error.ts';
import { seedFrom, sizeInBytes, wholeNumber } from './quantity.ts';
import { unknownScenario } from './scenario-name.ts';
import { moduleProblem, scenarioProblem } from './scenario-problem.ts';

/** Options that decide what runs; all as the user typed them. */
export interface ConfigurationOptions {
  readonly board?: string;
  /** The board's mix of CPUs, few of them, and as little memory as the explorer likes. */
  readonly small?: boolean;
  readonly cpus?: string;
  readonly memory?: string;
  readonly granule?: string;
  readonly vaBits?: string;
  readonly revision?: string;
  readonly rodata?: string;
  readonly debugPagealloc?: boolean;
  readonly realm?: boolean;
  readonly preemptRt?: boolean;
  readonly kfence?: string;
  readonly seed?: string;
}

/** Everything a run depends on, resolved. */
export interface Configuration {
  readonly scenario: Scenario;
  readonly reference: ScenarioReference;
  readonly board: Board;
  readonly kernel: KernelConfig;
  readonly seed: number;
  /** What the user asked for, for the line that runs it again. */
  readonly asked?: ConfigurationOptions;
}

/**
 * Turns what the user typed into a configuration; throws a usage error for anything that makes no sense. `usualBoard`: what is
 * taken instead of the scenario's own board when nobody asks for one; `shape`: what becomes of a board before it is resized.
 */
export async function configure(
  name: string,
  options: ConfigurationOptions,
  usualBoard?: (scenario: Scenario, reference: ScenarioReference) => string | Board,
  shape: (board: Board) => Board = (board) => board,
): Promise<Configuration> {
  const { scenario, reference } = await findScenario(name);
  const wanted = options.board ?? usualBoard?.(scenario, reference) ?? scenario.board;
  const board = await findBoard(wanted, options, shape);
  checkPrograms(scenario, reference, board);
  const kernel: KernelConfig = {
    ...DEFAULT_CONFIG,
    ...scenario.kernel,
    ...given('revision', REVISIONS, options.revision),
    ...given('rodata', RODATA, options.rodata),
    ...given('kfence', KFENCE, options.kfence),
    ...(options.debugPagealloc === undefined ? {} : { debugPagealloc: options.debugPagealloc }),
    ...(options.realm === undefined ? {} : { realm: options.realm }),
    ...(options.preemptRt === undefined ? {} : { preemptRt: options.preemptRt }),
  };
  checkText(scenario, reference, kernel);
  const tables = tablePagesNeeded(board);
  if (poolPlace(board, tables * granuleBytes(board.granule)) === undefined)
    throw usageError(
      `${board.name}: no range of RAM has room for the ${tables} page-table pages that a map of pages takes`,
    );
  return { scenario, reference, board, kernel, seed: seedFrom(options.seed), asked: options };
}

/** A name of the catalogue, or a path to a module. */
export async function findScenario(name: string): Promise<{ scenario: Scenario; reference: ScenarioReference }> {
  const unknown = unknownScenario(name);
  if (unknown !== undefined) throw usageError(unknown);
  const scenario = scenarioNamed(name);
  if (scenario !== undefined) return { scenario, reference: { name } };
  const path = resolve(name);
  if (!existsSync(path)) throw usageError(`${name}: no such file`);
  if (!statSync(path).isFile()) throw usageError(`${name}: not a file; expected a module that exports a scenario`);
  const reference: ScenarioReference = { name, module: pathToFileURL(path).href, library: librarySource() };
  try {
    return { scenario: await loadScenario(reference), reference };
  } catch (thrown) {
    throw usageError(moduleProblem(name, path, thrown));
  }
}

/** Each CPU has a program, which is a function. */
function checkPrograms({ programs }: Scenario, reference: ScenarioReference, board: Board): void {
  if (programs === undefined) return;
  for (const cpu of board.cpus.keys()) {
    let program: unknown;
    try {
      program = programs(cpu);
    } catch (thrown) {
      throw scenarioProblem(reference, thrown);
    }
    if (typeof program !== 'function')
      throw usageError(`${reference.name}: programs(${cpu}) gave ${typeof program}; expected a generator function`);
  }
}

/** The changed text is a whole text: each of its sentences is a function, as in the good one. */
function checkText({ text }: Scenario, reference: ScenarioReference, { revision }: KernelConfig): void {
  if (text === undefined) return;
  const good = kernelText(revision);
  let changed: unknown;
  try {
    changed = text(good);
  } catch (thrown) {
    throw scenarioProblem(reference, thrown);
  }
  const problem = unlike(good, changed, 'text()');
  if (problem !== undefined) throw usageError(`${reference.name}: ${problem}`);
}

/** Where `given` lacks something that `wanted` has, in words. */
function unlike(wanted: object, given: unknown, where: string): string | undefined {
  if (typeof given !== 'object' || given === null)
    return `${where} gave ${typeof given}; expected the good text, changed`;
  for (const [key, sentence] of Object.entries(wanted)) {
    const other: unknown = Reflect.get(given, key);
    if (typeof sentence === 'object') {
      const problem = unlike(sentence, other, `${where}.${key}`);
      if (problem !== undefined) return problem;
    } else if (typeof other !== typeof sentence)
      return `${where}.${key} is ${typeof other}; expected a ${typeof sentence}`;
  }
  return undefined;
}

async function findBoard(
  wanted: string | Board,
  options: ConfigurationOptions,
  shape: (board: Board) => Board,
): Promise<Board> {
  let board: Board;
  if (typeof wanted === 'string') {
    const loaded = await loadBoard(wanted);
    if (!loaded.ok) throw usageError(loaded.problems.join('\n'));
    board = loaded.board;
  } else board = wholeBoard(wanted);
  board = shape(board);
  const size: BoardSize = {
    ...(options.cpus === undefined ? {} : { cpus: wholeNumber('--cpus', options.cpus) }),
    ...(options.memory === undefined ? {} : { memoryBytes: sizeInBytes('--memory', options.memory) }),
    ...given('granule', granules, options.granule),
    ...(options.vaBits === undefined ? {} : { vaBits: vaBits(options.vaBits) }),
  };
  if (Object.keys(size).length === 0) return board;
  const resized = resizeBoard(board, size);
  if (!resized.ok) throw usageError(`${sizeOptions(options)}: ${resized.problems.join('; ')}`);
  return resized.board;
}

/** A board that a module brought along. */
function wholeBoard(board: Board): Board {
  try {
    const problems = validateBoard(board);
    if (problems.length > 0) throw usageError(`the scenario's board: ${problems.join('; ')}`);
    return board;
  } catch (thrown) {
    if (isUsageError(thrown)) throw thrown;
    throw usageError(`the scenario's board is none: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
}

/** `--memory 900TiB`: the options that decide how large a board is, as they were typed. */
function sizeOptions({ cpus, memory, granule, vaBits }: ConfigurationOptions): string {
  return optionWords({ cpus, memory, granule, vaBits }).join(' ');
}

/** What was asked for, as words of a command line that asks for it again; the seed is not among them, it may have been drawn. */
export function askedWords(asked: ConfigurationOptions): string[] {
  const { board, cpus, memory, granule, vaBits, revision, rodata, kfence, debugPagealloc, realm, preemptRt } = asked;
  return optionWords({
    board,
    cpus,
    memory,
    granule,
    vaBits,
    revision,
    rodata,
    kfence,
    debugPagealloc,
    realm,
    preemptRt,
  });
}

/** Options as words of a command line; those that were not given are left out. */
export function optionWords(options: { readonly [name: string]: string | boolean | undefined }): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === undefined || value === false) return [];
    return value === true ? [option] : [option, /^[\w./:@%+=,-]+$/.test(value) ? value : `'${value}'`];
  });
}

const VA_BITS: readonly VaBits[] = [36, 39, 42, 47, 48];

function vaBits(text: string): VaBits {
  const bits = VA_BITS.find((choice) => choice === wholeNumber('--va-bits', text));
  if (bits === undefined) throw usageError(`--va-bits: '${text}' is none of ${VA_BITS.join(', ')}`);
  return bits;
}

/** `{ key: text }` if it is one of the choices; nothing if it was not given. */
function given<K extends string, T extends string>(
  key: K,
  choices: readonly T[],
  text: string | undefined,
): Partial<Record<K, T>> {
  if (text === undefined) return {};
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw usageError(`--${key}: '${text}' is none of ${choices.join(', ')}`);
  return { [key]: choice } as Record<K, T>;
}

/** What is printed before anything starts, and stands in every document. */
export function resolved({ scenario, board, kernel, seed }: Configuration): Record<string, unknown> {
  return {
    scenario: scenario.name,
    board: board.name,
    cpus: board.cpus.length,
    models: modelCounts(board),
    memory: formatSize(memoryBytes(board)),
    granule: board.granule,
    vaBits: board.vaBits,
    ...kernel,
    seed,
  };
}

/** `resolved`, in a few lines of at most `width` columns. */
export function resolvedLines(settings: Record<string, unknown>, width: number): string[] {
  const words = Object.entries(settings).map(([key, value]) => `${key} ${value}`.replaceAll(' ', NO_BREAK));
  return wrap(words.join(' · '), width - 2).map((line) => `  ${line.replaceAll(NO_BREAK, ' ')}`);
}

/** Keeps a key and its value on one line. */
const NO_BREAK = '\u00a0';

function modelCounts(board: Board): string {
  const counts = new Map<string, number>();
  for (const { name } of board.cpus) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} x ${name}`).join(', ');
}
