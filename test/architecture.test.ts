import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** Which way imports point, and what may stand where. A house is only as good as the checks that somebody runs. */

/** From the ground up: a file may import from its own floor and from those before it. */
const FLOORS = [
  'src/arch',
  'src/hardware',
  'src/kernel',
  'src/check',
  'src/scenario',
  'src/explore',
  'machines',
  'actors',
] as const;
/** Nothing inside imports it; it may import anything below the machines. */
const PUBLIC_NAMES = 'src/index.ts';
const MOST_LINES = 300;
const EMPTY_NAMES = /(^|\/)(utils?|common|helpers?|types|misc|shared)\.ts$/;
/** Time, chance, the host: the actors' business. */
const OF_THE_HOST: ReadonlySet<string> = new Set([
  'Math.random',
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Atomics.wait',
  'Atomics.waitAsync',
  'process',
  'console',
]);

interface Edge {
  readonly from: string;
  /** A path in the repository, or a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Paths from the root of the checkout, and what the files hold. */
type Files = ReadonlyMap<string, string>;

function parsed(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

function edgesOf(path: string, text: string): Edge[] {
  const edges: Edge[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const to = specifier.text.startsWith('.') ? posix.join(posix.dirname(path), specifier.text) : specifier.text;
    edges.push({ from: path, to, typeOnly });
  };
  visit(parsed(path, text), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return edges;
}

function floorOf(path: string): number {
  return FLOORS.findIndex((floor) => path.startsWith(`${floor}/`));
}

const isInside = (path: string): boolean => floorOf(path) >= 0 || path === PUBLIC_NAMES;

function wrongWay({ from, to, typeOnly }: Edge): string | undefined {
  const arrow = `${from} imports ${to}`;
  if (to === PUBLIC_NAMES) return `${arrow}: the public names are for outside`;
  if (!isInside(to)) {
    if (!to.includes('/') || !/^(src|machines|actors|test)\//.test(to)) {
      if (from.startsWith('src/')) return `${arrow}: src stands on nothing but itself`;
      if (from.startsWith('machines/') && to !== 'xstate') return `${arrow}: machines need xstate and nothing else`;
      return undefined;
    }
    return `${arrow}: which is on no floor`;
  }
  if (from === PUBLIC_NAMES) return floorOf(to) < FLOORS.indexOf('machines') ? undefined : `${arrow}: upward`;
  if (floorOf(from) < floorOf(to)) return `${arrow}: upward`;
  if (from.startsWith('machines/') && to.startsWith('src/') && !typeOnly)
    return `${arrow}: machines take types from src, no values`;
  return undefined;
}

/** Each cycle of value imports once, as the path it takes. */
function cycles(edges: readonly Edge[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly } of edges) if (!typeOnly) next.set(from, [...(next.get(from) ?? []), to]);
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
      return;
    }
    state.set(path, 'open');
    for (const to of next.get(path) ?? []) walk(to, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of next.keys()) walk(path, []);
  return found;
}

/** Names of the host that the file uses; a property or a variable of its own with such a name is none. */
function hostUses(path: string, text: string): string[] {
  const own = new Set<string>();
  const uses: string[] = [];
  const file = parsed(path, text);
  visit(file, (node) => {
    if (
      (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isFunctionDeclaration(node)) &&
      node.name !== undefined &&
      ts.isIdentifier(node.name)
    )
      own.add(node.name.text);
  });
  visit(file, (node) => {
    if (!ts.isIdentifier(node) || own.has(node.text)) return;
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return;
    if (
      (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent)) &&
      parent.name === node
    )
      return;
    const name = ts.isPropertyAccessExpression(parent) ? `${node.text}.${parent.name.text}` : node.text;
    if (OF_THE_HOST.has(name) || OF_THE_HOST.has(node.text)) uses.push(name);
  });
  return uses;
}

function problems(files: Files): string[] {
  const edges = [...files].flatMap(([path, text]) => (isInside(path) ? edgesOf(path, text) : []));
  return [
    ...edges.flatMap((edge) => wrongWay(edge) ?? []),
    ...cycles(edges).map((cycle) => `a cycle: ${cycle}`),
    ...[...files].flatMap(([path, text]) => {
      const found: string[] = [];
      if (EMPTY_NAMES.test(path)) found.push(`${path} says nothing about what is in it`);
      if (path.startsWith('src/') && !isInside(path)) found.push(`${path} is on no floor`);
      if (!isInside(path)) return found;
      const lines = text.split('\n').length - 1;
      if (lines > MOST_LINES) found.push(`${path} has ${lines} lines`);
      if (!path.startsWith('actors/')) found.push(...hostUses(path, text).map((name) => `${path} uses ${name}`));
      return found;
    }),
  ];
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));

function checkout(): Files {
  const paths = ['src', 'machines', 'actors', 'test'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(`${ROOT}${path}`, 'utf8')]));
}

test("imports point one way, nothing goes round, and the host is the actors' business", () => {
  const files = checkout();
  const inside = [...files].filter(([path]) => isInside(path));
  const edges = inside.flatMap(([path, text]) => edgesOf(path, text));
  const lengths = inside
    .map(([path, text]) => [path, text.split('\n').length - 1] as const)
    .sort((a, b) => b[1] - a[1]);
  const median = lengths[Math.floor(lengths.length / 2)]![1];
  console.log(
    `${inside.length} files, ${edges.length} imports (${edges.filter(({ typeOnly }) => typeOnly).length} of types), median ${median} lines, longest ${lengths[0]![0]} with ${lengths[0]![1]}`,
  );
  expect(inside.length).toBeGreaterThan(100);
  expect(edges.length).toBeGreaterThan(400);
  expect(problems(files)).toEqual([]);
});

describe('the check itself finds', () => {
  const GOOD: Readonly<Record<string, string>> = {
    'src/arch/address.ts': 'export const a = 1;\n',
    'src/hardware/cpu.ts': "import { a } from '../arch/address.ts';\nexport const b = a;\n",
    'machines/cpu.machine.ts':
      "import { setup } from 'xstate';\nimport type { b } from '../src/hardware/cpu.ts';\nexport const m = setup;\n",
    'actors/run.ts':
      "import { m } from '../machines/cpu.machine.ts';\nimport fs from 'node:fs';\nsetTimeout(() => m, Date.now());\n",
    'src/index.ts': "export { a } from './arch/address.ts';\n",
  };
  const withFile = (path: string, text: string): string[] =>
    problems(new Map(Object.entries({ ...GOOD, [path]: text })));

  test('nothing where nothing is', () => expect(problems(new Map(Object.entries(GOOD)))).toEqual([]));

  const BAD: readonly [string, string, string, RegExp][] = [
    ['an upward import', 'src/arch/x.ts', "import { b } from '../hardware/cpu.ts';", /upward/],
    ['an upward import of a type', 'src/arch/x.ts', "import type { b } from '../hardware/cpu.ts';", /upward/],
    ['an upward re-export', 'src/arch/x.ts', "export * from '../hardware/cpu.ts';", /upward/],
    ['an upward import in a type', 'src/arch/x.ts', "export type T = import('../hardware/cpu.ts').T;", /upward/],
    ['an upward import at run time', 'src/arch/x.ts', "await import('../hardware/cpu.ts');", /upward/],
    ['public names that reach upward', 'src/index.ts', "export { m } from '../machines/cpu.machine.ts';", /upward/],
    ['a use of the public names inside', 'actors/x.ts', "import { a } from '../src/index.ts';", /for outside/],
    ['a package under src', 'src/kernel/x.ts', "import 'xstate';", /stands on nothing but itself/],
    [
      'a module of Node under src',
      'src/kernel/x.ts',
      "import { readFile } from 'node:fs';",
      /stands on nothing but itself/,
    ],
    [
      'a value that a machine takes from src',
      'machines/x.ts',
      "import { b } from '../src/hardware/cpu.ts';",
      /no values/,
    ],
    [
      'types that leave a value import behind',
      'machines/x.ts',
      "import { type b } from '../src/hardware/cpu.ts';",
      /no values/,
    ],
    ['a module of Node in a machine', 'machines/x.ts', "import 'node:os';", /nothing else/],
    ['a file on no floor', 'src/lost/x.ts', 'export {};', /on no floor/],
    ['an import from the tests', 'actors/x.ts', "import '../test/x.ts';", /on no floor/],
    ['chance', 'src/kernel/x.ts', 'export const r = () => Math.random();', /uses Math.random/],
    ['time', 'src/kernel/x.ts', 'export const t = new Date();', /uses Date/],
    ['a clock', 'machines/x.ts', 'export const t = performance.now();', /uses performance.now/],
    ['a timer', 'machines/x.ts', 'setInterval(() => {}, 1);', /uses setInterval/],
    ['a wait', 'src/check/x.ts', 'Atomics.wait(new Int32Array(1), 0, 0);', /uses Atomics.wait/],
    ['the process', 'src/check/x.ts', 'export const e = process.env.HOME;', /uses process.env/],
    ['the console', 'src/check/x.ts', "console.log('x');", /uses console.log/],
    ['a name that says nothing', 'src/kernel/utils.ts', 'export {};', /says nothing/],
    ['a long file', 'actors/x.ts', '// x\n'.repeat(301), /has 301 lines/],
  ];
  test.each(BAD)('%s', (_, path, text, message) => {
    const found = withFile(path, text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  test('a cycle of values, and none of types', () => {
    const ring = (kind: string): string[] =>
      problems(
        new Map([
          ['src/arch/a.ts', "import { b } from './b.ts';"],
          ['src/arch/b.ts', "import { c } from './c.ts';"],
          ['src/arch/c.ts', `import ${kind} { a } from './a.ts';`],
        ]),
      );
    expect(ring('')).toEqual(['a cycle: src/arch/a.ts > src/arch/b.ts > src/arch/c.ts > src/arch/a.ts']);
    expect(ring('type')).toEqual([]);
  });

  test('no more than there is: properties, own variables and comments with such names', () => {
    const text = `
      // Math.random() and Date.now() are the actors' business
      const process = (order: { console: number }) => order.console;
      export const x = { performance: process({ console: 1 }), text: 'setTimeout' };`;
    expect(withFile('src/kernel/x.ts', text)).toEqual([]);
  });
});
