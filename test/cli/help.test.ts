import { expect, test } from 'vitest';
import { asymmu } from './command.ts';

const kernel = [
  '--board',
  '--cpus',
  '--memory',
  '--granule',
  '--va-bits',
  '--revision',
  '--rodata',
  '--kfence',
  '--debug-pagealloc',
  '--realm',
  '--seed',
  '--json',
];

test.each<[command: string, options: readonly string[]]>([
  ['run', [...kernel, '--watch', '--no-noise', '--stall']],
  ['soak', [...kernel, '--for', '--rounds', '--keep-going']],
  [
    'explore',
    [
      ...kernel,
      ...['--strategy', '--depth', '--preemptions', '--acts', '--chances', '--schedules', '--for', '--jobs'],
      ...['--from', '--points', '--keep-going', '--no-shrink', '--charts'],
    ],
  ],
  ['replay', ['--trace', '--json']],
  ['ptdump', [...kernel, '--when']],
  ['charts', ['--format', '--json']],
  ['scenarios', ['--json']],
  ['boards', ['--models', '--json']],
  ['bench', ['--json']],
])('%s --help lists its options', async (command, options) => {
  const { code, stdout, stderr } = await asymmu([command, '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^Usage: asymmu ${command} `));
  for (const option of options) expect(stdout).toContain(`  ${option}`);
});

test('the command itself lists its commands', async () => {
  const { code, stdout } = await asymmu(['--help']);
  expect(code).toBe(0);
  for (const command of ['run', 'soak', 'explore', 'replay', 'ptdump', 'charts', 'scenarios', 'boards', 'bench'])
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
});

test('it knows its version', async () => {
  const { code, stdout } = await asymmu(['--version']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

/** Given to Node with --import: prints the modules that were loaded, one a line, on stderr at the end. */
const TELLS_WHAT_IT_LOADS = `data:text/javascript,${encodeURIComponent(`
  import module from 'node:module';
  const loaded = [];
  module.registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => process.stderr.write(loaded.join('\\n')));
`)}`;

test('for its help the command loads names and options, and nothing of the laboratory', async () => {
  const { code, stderr } = await asymmu(['--help'], { node: ['--import', TELLS_WHAT_IT_LOADS] });
  const ownModules = stderr
    .split('\n')
    .flatMap((url) => (url.includes('/node_modules/') ? [] : (/(?:actors|machines|src)\/.*$/.exec(url) ?? [])));
  expect(code).toBe(0);
  // Whatever stands here is waited for by everybody who asks what the command can do.
  expect(ownModules.sort()).toEqual([
    'actors/cli/diverged.ts',
    'actors/cli/exit-code.ts',
    'actors/cli/main.ts',
    'actors/cli/usage-error.ts',
    'actors/cli/version.ts',
    'src/kernel/config.ts',
  ]);
});
