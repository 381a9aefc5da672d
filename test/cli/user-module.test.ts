import { describe, expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

/** Scenarios of the user's own, most of them broken. */

const start = "export default { name: 'mine', summary: 'a scenario', board: 'tiny-2'";

const modules: Readonly<Record<string, string>> = {
  'good.ts': `import { checkLinearMap, defineScenario, type Cpu } from 'asymmu';
export default defineScenario({ name: 'mine', summary: 'm', board: 'tiny-2', programs: (cpu: number) => checkLinearMap });`,
  'syntax.ts': "const one = 1;\nexport default { name: 'mine' summary: 'm' };\n",
  'throws.ts': "\n  throw new Error('the module is broken');\n",
  'number.ts': 'export default 42;\n',
  'no-default.ts': 'export const scenario = 1;\n',
  'misspelt.ts': "export default { name: 'mine', summary: 'm', bord: 'tiny-2' };\n",
  'board.ts': "export default { name: 'mine', summary: 'm', board: { name: 'b' } };\n",
  'board-name.ts': "export default { name: 'mine', summary: 'm', board: 'tiny-22' };\n",
  'import.ts': "import 'nowhere-to-be-found';\nexport default {};\n",
  'program.ts': `${start},
  programs: (id: number) => function* () {
    if (id === 1) throw new Error('the program is broken');
  } };\n`,
  'imported.ts': `import { helper } from './helper.ts';\n${start}, programs: () => function* () { yield* helper(); } };\n`,
  'helper.ts': "export function* helper() {\n  throw new RangeError('the helper is broken');\n}\n",
  'programs.ts': `${start},\n  programs() { throw new Error('no programs'); } };\n`,
  'no-program.ts': `${start}, programs: () => 7 };\n`,
  'plain-function.ts': `${start}, programs: () => () => 7 };\n`,
  'words.ts': `${start}, programs: () => function* () { throw 'words'; } };\n`,
  'yields.ts': `${start}, programs: () => function* () { yield 3; } };\n`,
  'later.ts': `setTimeout(() => {\n  throw new Error('too late'); }, 20);\n${start} };\n`,
  'text.ts': `${start},\n  text() { throw new Error('no text'); } };\n`,
  'no-text.ts': `${start}, text() {} };\n`,
  'half-text.ts': `${start}, text: (good) => ({ ...good, repaint: { ...good.repaint, flush: 3 } }) };\n`,
  'kernel.ts': `${start}, kernel: { rodata: 'perhaps' } };\n`,
  'setup.ts': `${start},\n  setup() { throw new Error('no set-up'); } };\n`,
};

describe("a scenario in the user's module", () => {
  const cwd = folderWith(modules);

  test('runs, and imports asymmu by its name', async () => {
    const { code, stdout, stderr } = await asymmu(['run', './good.ts', '--seed', '1'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^GOOD {2}mine on tiny-2, 2 CPUs, seed 1: /m);
  });

  test.each<[what: string, file: string, line: string | RegExp]>([
    ['does not exist', 'none.ts', './none.ts: no such file'],
    ['is no TypeScript', 'syntax.ts', /^\.\/syntax\.ts:2(:\d+)?: /],
    ['throws when it is imported', 'throws.ts', './throws.ts:2:9: the module is broken'],
    ['imports what is not there', 'import.ts', /^\.\/import\.ts: Cannot find package 'nowhere-to-be-found'/],
    ['exports a number', 'number.ts', './number.ts: defineScenario: expected an object, got number'],
    ['exports nothing', 'no-default.ts', './no-default.ts: it has no default export; expected defineScenario({...})'],
    ['has an unknown key', 'misspelt.ts', /^\.\/misspelt\.ts: defineScenario: unknown key 'bord'/],
    ['brings something that is no board', 'board.ts', /^the scenario's board is none: /],
    ['names an unknown board', 'board-name.ts', /^unknown board 'tiny-22' \(did you mean 'tiny-2'\?\)/],
    ['has a program that throws on a worker', 'program.ts', './program.ts:3:25: the program is broken'],
    ['calls something that throws on a worker', 'imported.ts', 'helper.ts:2:9: the helper is broken'],
    ['throws when it is asked for programs', 'programs.ts', './programs.ts:2:22: no programs'],
    ['gives a number for a program', 'no-program.ts', /^\.\/no-program\.ts: programs\(0\) gave number/],
    ['gives a function that is no generator', 'plain-function.ts', /^\.\/plain-function\.ts: .*generator function/],
    ['has a program that throws words', 'words.ts', "./words.ts: a program threw 'words', which is no Error"],
    ['has a program that yields a number', 'yields.ts', /^\.\/yields\.ts: a program yielded something/],
    ['throws when nobody waits for it', 'later.ts', /later\.ts:2:\d+: too late$/],
    ['throws when it is asked for its text', 'text.ts', './text.ts:2:18: no text'],
    ['gives no text', 'no-text.ts', /^\.\/no-text\.ts: text\(\) gave undefined/],
    ['gives half a text', 'half-text.ts', './half-text.ts: text().repaint.flush is number; expected a function'],
    ['wants a kernel that nobody has', 'kernel.ts', /'kernel\.rodata' must be one of full, on, noalias, off$/],
    ['throws in its set-up', 'setup.ts', './setup.ts:2:19: no set-up'],
  ])('that %s is one line and exit code 2', async (_, file, line) => {
    const { code, stderr, aloneInItsGroup } = await asymmu(['run', `./${file}`, '--seed', '1'], { cwd });
    expect(stderr).toMatch(/^asymmu: [^\n]+\n$/);
    const words = stderr.slice('asymmu: '.length, -1);
    if (typeof line === 'string') expect(words).toBe(line);
    else expect(words).toMatch(line);
    expect({ code, aloneInItsGroup }).toEqual({ code: 2, aloneInItsGroup: true });
  });
});
