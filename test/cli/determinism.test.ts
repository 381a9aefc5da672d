import { expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

/** A module whose program loads until `until`, and then stops for good. */
function loadsUntil(until: string): string {
  return `import { defineScenario, halt, load, type Cpu, type Kernel } from 'asymmu';
export default defineScenario({ name: 'loads', summary: 'loads for a while', board: 'one-block', programs: () => function* (c: Cpu, k: Kernel) {
  let loads = 0;
  const began = Date.now();
  while (!(${until})) { yield* load(c, k.symbols.variables.cpu_stop_done); loads++; }
  yield* halt(c, 'of old age');
} });
`;
}

const folder = folderWith({
  'clock.ts': loadsUntil('Date.now() > began + 1'),
  'dice.ts': loadsUntil('Math.random() < 0.01'),
  'choose.ts': loadsUntil("c.choose(100, 'program') === 7"),
});

test.each(['clock', 'dice'])(
  'a program that goes by its own %s is found out: 70, and where two runs part',
  async (name) => {
    const { code, stderr } = await asymmu(
      ['explore', `./${name}.ts`, '--schedules', '1', '--seed', '3', '--no-shrink'],
      {
        cwd: folder,
      },
    );
    expect(stderr).toMatch(
      new RegExp(
        `^asymmu: internal error: Error: the same schedule of \\./${name}\\.ts did not give the same run: [^\\n]*\\d`,
      ),
    );
    expect(stderr).toContain('does the module take chance from elsewhere than cpu.choose()?');
    expect(code).toBe(70);
  },
);

test('a program that throws the dice of the schedule is the same every time', async () => {
  const { code, stdout } = await asymmu(['explore', './choose.ts', '--schedules', '1', '--seed', '3', '--no-shrink'], {
    cwd: folder,
  });
  expect(stdout).toContain('of old age');
  expect(code).toBe(1);
});
