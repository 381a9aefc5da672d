import { readFile } from 'node:fs/promises';
import type { Document } from 'yaml';
import type { $ZodIssue } from 'zod/v4/core';
import {
  type Board,
  type BoardResult,
  type CpuModel,
  kernelImageAt,
  maxCpus,
} from '../../../src/hardware/board/board.ts';
import {
  type BoardProblem,
  boardProblems,
  cpuCountMessage,
  formatPath,
} from '../../../src/hardware/board/board-check.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { cpuModel } from '../../../src/hardware/board/cpu-models.ts';
import { didYouMean } from '../closest.ts';
import type { BoardFile } from './board-schema.ts';
import type { Located, Path, Places } from './yaml-places.ts';

const fileEnding = /\.(ya?ml|json)$/i;

/** A board by the name of a preset, or from a YAML or JSON file. Problems of a file begin with `file:line:column: `. */
export async function loadBoard(nameOrPath: string): Promise<BoardResult> {
  const preset = boardPresets.get(nameOrPath);
  if (preset !== undefined) return { ok: true, board: preset };
  if (!fileEnding.test(nameOrPath)) return refused(noSuchBoard(nameOrPath));
  const text = await readFile(nameOrPath, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text === 'string') return readBoard(text, nameOrPath);
  return refused(`${nameOrPath}: cannot be read: ${readErrors[text.code ?? ''] ?? text.message}`);
}

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  ENOTDIR: 'its folder is not a directory',
  EACCES: 'permission denied',
};

const refused = (...problems: string[]): BoardResult => ({ ok: false, problems });

function noSuchBoard(name: string): string {
  const names = [...boardPresets.keys()];
  return `unknown board '${name}'${didYouMean(name, names)}; expected one of ${names.join(', ')}, or a .yaml or .json file`;
}

/** A board from the text of a board file; `file` is how messages call it. */
export async function readBoard(text: string, file: string): Promise<BoardResult> {
  // Together these take 45 ms to load, and most commands never read a board file.
  const [{ LineCounter, parseDocument }, { placesIn }, { boardFileSchema, boardJsonSchema }, models] =
    await Promise.all([
      import('yaml'),
      import('./yaml-places.ts'),
      import('./board-schema.ts'),
      import('./board-models.ts'),
    ]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const places = placesIn(document, lines);
  const say = (found: readonly Located[]) =>
    refused(...inOrder(found).map((one) => `${file}:${one.place.line}:${one.place.column}: ${one.message}`));
  const sayAbout = (problems: readonly BoardProblem[]) => say(problems.map((problem) => locate(problem, places)));

  const syntax = [...syntaxProblems(document, text, places), ...places.lostAliases()];
  if (syntax.length > 0) return say(syntax);
  if (document.contents === null) {
    return say([
      { place: { line: 1, column: 1 }, message: 'the file is empty; expected a board: name, memory and cpus at least' },
    ]);
  }
  const data: unknown = document.toJS({ maxAliasCount: -1 });
  const shape = boardFileSchema.safeParse(data);
  const shapeProblems = (shape.error?.issues ?? []).flatMap((issue) =>
    shapeProblem(issue, data, boardJsonSchema(), places),
  );
  const unknown = models.unknownModels(data).map((problem) => locate(problem, places));
  if (!shape.success || unknown.length > 0) return say([...shapeProblems, ...unknown]);

  const own = models.resolveModels(shape.data.models ?? {});
  if (own.problems.length > 0) return sayAbout(own.problems);
  const groups = shape.data.cpus.map((cpu) =>
    typeof cpu === 'string' ? models.parseCpuLine(cpu) : { count: 1, ...cpu },
  );
  const total = groups.reduce((sum, group) => sum + (group.count ?? 1), 0);
  if (total < 1 || total > maxCpus) return sayAbout([{ path: ['cpus'], message: cpuCountMessage(total) }]);
  const cpus = groups.flatMap(({ model, count = 1 }) =>
    Array.from({ length: count }, () => own.models.get(model) ?? cpuModel(model)!),
  );
  const board = buildBoard(shape.data, cpus, file, models.quantity);
  const problems = boardProblems(board);
  return problems.length === 0
    ? { ok: true, board }
    : sayAbout(problems.map((problem) => inFileTerms(problem, shape.data)));
}

function buildBoard(
  file: BoardFile,
  cpus: CpuModel[],
  source: string,
  quantity: (value: number | string) => number,
): Board {
  const memory = file.memory.map(({ base, size }) => ({ base: quantity(base), bytes: quantity(size) }));
  const usual = kernelImageAt(memory[0]!.base);
  const { pa, text, rodata, init, data } = file.kernelImage ?? {};
  return {
    name: file.name,
    summary: file.summary ?? `from ${source}`,
    granule: file.granule ?? '4K',
    vaBits: file.vaBits ?? 48,
    memory,
    kernelImage: {
      pa: quantity(pa ?? usual.pa),
      textBytes: quantity(text ?? usual.textBytes),
      rodataBytes: quantity(rodata ?? usual.rodataBytes),
      initBytes: quantity(init ?? usual.initBytes),
      dataBytes: quantity(data ?? usual.dataBytes),
    },
    cpus,
    interconnect: file.interconnect ?? { dvmLatencyCycles: 100 },
    lateCpus: file.lateCpus ?? [],
  };
}

const locate = ({ path, message }: BoardProblem, places: Places): Located => ({
  place: places.ofValue(path),
  message: `${formatPath(path)}: ${message}`,
});

function inOrder(found: readonly Located[]): Located[] {
  return [...found].sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
}

/**
 * A board says `bytes` where its file says `size`, and `textBytes` where it says `text`. A kernel image that the file does
 * not mention follows from its memory.
 */
const inFileTerms = ({ path, message }: BoardProblem, file: BoardFile): BoardProblem => ({
  path:
    path[0] === 'kernelImage' && file.kernelImage === undefined
      ? ['memory']
      : path.map((step) => (step === 'bytes' ? 'size' : typeof step === 'string' ? step.replace(/Bytes$/, '') : step)),
  message,
});

function syntaxProblems(document: Document, text: string, places: Places): Located[] {
  return [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    place: places.ofOffset(pos[0]),
    message:
      code === 'DUPLICATE_KEY'
        ? `the key '${keyAt(text, pos[0])}' is given twice`
        : code === 'MULTIPLE_DOCS'
          ? 'a second document begins; expected one board in a file'
          : `not YAML: ${message}`,
  }));
}

const keyAt = (text: string, offset: number): string => /^["']?([^"':\s]*)/.exec(text.slice(offset))?.[1] ?? '';

function shapeProblem(issue: $ZodIssue, data: unknown, schema: unknown, places: Places): Located[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  const where = path.length === 0 ? '' : `${formatPath(path)}: `;
  if (issue.code === 'unrecognized_keys') {
    const keys = keysAt(schema, path);
    return issue.keys.map((key) => ({
      place: places.ofKey(path, key),
      message: `${where}unknown key '${key}'${didYouMean(key, keys)}; expected ${keys.join(', ')}`,
    }));
  }
  return [{ place: places.ofValue(path), message: `${where}${found(at(data, path))}; expected ${issue.message}` }];
}

/** The value at a path of plain data; undefined if the path leads nowhere. */
const at = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    data,
  );

function found(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'found nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'found an empty list' : 'found a list';
  if (typeof value === 'object') return 'found a mapping';
  return typeof value === 'string' ? `found '${clipped(value)}'` : `found ${String(value)}`;
}

/** The first of a long text, and nothing that a terminal would obey. */
function clipped(text: string): string {
  const shown = text.slice(0, MOST_FOUND).replace(/\p{C}/gu, '.');
  return text.length > MOST_FOUND ? `${shown}...` : shown;
}

const MOST_FOUND = 40;

/** The keys that the JSON Schema allows in the mapping at a path. */
function keysAt(schema: unknown, path: Path): string[] {
  const forms = [schema, ...((at(schema, ['anyOf']) as unknown[] | undefined) ?? [])];
  const [step, ...rest] = path;
  if (step === undefined)
    return forms.flatMap((form) => Object.keys(at(form, ['properties']) ?? {})).filter((key) => key !== '$schema');
  return forms.flatMap((form) => {
    const inner =
      typeof step === 'number'
        ? at(form, ['items'])
        : (at(form, ['properties', step]) ?? at(form, ['additionalProperties']));
    return typeof inner === 'object' ? keysAt(inner, rest) : [];
  });
}
