import { catalogue } from '../../../src/scenario/catalogue.ts';
import { closest } from '../closest.ts';

/** What a scenario argument may be: the path of a module, or a name of the catalogue. */

export function isModulePath(name: string): boolean {
  return /[/\\].*\.[cm]?[jt]s$|^\.|\.[cm]?[jt]s$/.test(name);
}

/**
 * What to say of a name that neither the catalogue nor the file system can know; undefined of all others. `commands`:
 * those that the word might have been meant to be.
 */
export function unknownScenario(name: string, commands: readonly string[] = []): string | undefined {
  const names = catalogue.map((known) => known.name);
  if (isModulePath(name) || names.includes(name)) return undefined;
  const command = closest(name, commands);
  const scenario = nearest(name, names);
  const guesses = [
    ...(command === undefined ? [] : [`the command '${command}'`]),
    ...(scenario === undefined ? [] : [`'${scenario}'`]),
  ];
  const guess = guesses.length === 0 ? '' : ` (did you mean ${guesses.join(' or ')}?)`;
  const lists = `'asymmu scenarios' lists them${commands.length === 0 ? '' : ", 'asymmu --help' the commands"}`;
  return `unknown scenario '${name}'${guess}; ${lists}`;
}

/** The whole name, or the part behind the slash, may be misspelt. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const part = (full: string): string => full.slice(full.lastIndexOf('/') + 1);
  const near = closest(name, [...names, ...names.map(part)]);
  return names.find((full) => full === near) ?? names.find((full) => part(full) === near);
}
