import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ScenarioReference } from '../../thread/protocol.ts';
import { isUsageError, usageError } from '../usage-error.ts';

/** What goes wrong in a module of the user's, told as theirs: where, and what, on one line. */

/** What a run threw, as the user's mistake if it came out of the user's module. */
export function scenarioProblem({ name, module }: ScenarioReference, thrown: unknown): unknown {
  if (module === undefined || isUsageError(thrown)) return thrown;
  if (thrown instanceof Error && /\bnext is not a function/.test(thrown.message))
    return usageError(`${name}: a program must be a generator function: function* (cpu, kernel) { ... }`);
  if (thrown instanceof Error && /^a program yielded something/.test(thrown.message))
    return usageError(`${name}: ${thrown.message}`);
  const path = fileURLToPath(module);
  if (placeIn(path, thrown) !== undefined) return usageError(moduleProblem(name, path, thrown));
  return isNoError(thrown) ? usageError(`${name}: a program threw '${thrown.message}', which is no Error`) : thrown;
}

/** Something that is no Error came from a worker: who wraps it in one is at the top of the stack, and nobody else. */
function isNoError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && /^[^\n]*\n\s+at [^\n]*board-run\.[jt]s:/.test(thrown.stack ?? '');
}

/** What nobody caught, as the user's mistake if it came from outside of this package. */
export function foreignProblem(thrown: unknown): unknown {
  const place = placeIn('', thrown);
  if (isUsageError(thrown) || place === undefined || !(thrown instanceof Error)) return thrown;
  return usageError(`${relative('', place.file)}:${place.at}: ${thrown.message.split('\n')[0]}`);
}

/** One line: where in the user's module or in what it imports, and what. */
export function moduleProblem(name: string, path: string, thrown: unknown): string {
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  const what = (words.split('\n')[0] ?? '').replace(`${name} `, 'it ');
  const place = placeIn(path, thrown);
  if (place === undefined) return `${name}: ${what}`;
  return `${place.file === path ? name : relative('', place.file)}:${place.at}: ${what}`;
}

/** The innermost place of the error's stack that is the user's: in the module, or outside of this package. */
function placeIn(path: string, thrown: unknown): { readonly file: string; readonly at: string } | undefined {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  const own = fileURLToPath(new URL('../../../', import.meta.url));
  for (const [, file, at] of stack.matchAll(/(?:file:\/\/)?(\/[^\s()]*?\.[cm]?[jt]s):(\d+(?::\d+)?)/g)) {
    const decoded = decodeURI(file!);
    if (decoded === path || !(decoded.startsWith(own) || decoded.includes('/node_modules/')))
      return { file: decoded, at: at! };
  }
  return undefined;
}
