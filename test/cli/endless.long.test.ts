import { describe, expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

/** Programs of the user's own that never end, on real threads, by the real command. */

const program = (
  body: string,
): string => `import { defineScenario, load, loadAdd, mark, store, type Cpu, type Kernel } from 'asymmu';
export default defineScenario({ name: 'endless', summary: 'm', board: 'tiny-2', programs: (id: number) => function* (cpu: Cpu, k: Kernel) {
  mark(cpu, 'work.started');
  const { panic_cpu: one, num_online_cpus: two } = k.symbols.variables;
  if (id === 1) for (;;) { ${body} }
  mark(cpu, 'work.finished');
} });
`;

describe('asymmu run of a program that never ends', () => {
  const cwd = folderWith({
    'load.ts': program('yield* load(cpu, one);'),
    'loads.ts': program('yield* load(cpu, one); yield* load(cpu, two);'),
    'stores.ts': program('yield* store(cpu, one, 0n);'),
    'adds.ts': program('yield* loadAdd(cpu, one, 1n);'),
  });

  test.each<[file: string, message: RegExp]>([
    [
      'load.ts',
      /^CPU 1 has not got anywhere for \d+ ms, in state online: working, last seen at a load of 0x[0-9a-f]{16}$/,
    ],
    [
      'loads.ts',
      /^CPU 1 has not got anywhere for \d+ ms, in state online: working, last seen at a load of 0x[0-9a-f]{16}$/,
    ],
    [
      'stores.ts',
      /^CPU 1 has only repeated what was done before for \d+ ms, in state online: working, last seen at a store to 0x[0-9a-f]{16}$/,
    ],
    [
      'adds.ts',
      /^CPU 1 has only repeated what was done before for \d+ ms, in state online: working, last seen at an atomic access to 0x[0-9a-f]{16}$/,
    ],
  ])('%s: ends with the verdict that a CPU is hung, and where', async (file, message) => {
    const { code, stdout, aloneInItsGroup } = await asymmu(
      ['run', `./${file}`, '--seed', '1', '--stall', '800', '--json'],
      { cwd },
    );
    expect({ code, aloneInItsGroup }).toEqual({ code: 1, aloneInItsGroup: true });
    const { verdict, violations } = JSON.parse(stdout);
    expect(verdict).toBe('violated');
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ property: 'hung', cpu: 1 });
    expect(violations[0].message).toMatch(message);
  });
});
