import { expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu, timeless } from './command.ts';

const small = ['--seed', '1', '--jobs', '1'];

const mine = folderWith({
  'spins.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({ name: 'spins', summary: 'x', board: 'one-block', programs: () => function* () { for (;;); } });
`,
});

test('does not make up a line where none is missing: it names the sentence that was changed', async () => {
  const { stdout } = await asymmu(['explore', 'repaint/painter-without-bbml2', ...small]);
  const text = stdout.replace(/\s+/g, ' ');
  expect(text).toMatch(/cured by repaint\.painter as 6\.18 has it: smp_processor_id\(\) == 0/);
  expect(text).toMatch(/with it all 201 schedules tried end well.*, none of which helps alone;/);
});

test('says the same again for the same seed, with as many workers as there may be', async () => {
  const found = ['explore', 'repaint/no-flush', '--no-shrink', '--seed', '1'];
  const [one, other] = [await asymmu([...found, '--jobs', '1']), await asymmu([...found, '--jobs', '3'])];
  expect(one.stdout).toContain('VIOLATED');
  expect(timeless(other).replace('jobs 3', 'jobs 1')).toBe(timeless(one));
});

test('judges by the real charts with --charts, and comes to the same', async () => {
  const args = ['explore', 'repaint', '--schedules', '3', ...small];
  const [tables, actors] = [await asymmu(args), await asymmu([...args, '--charts'])];
  expect(actors.code).toBe(0);
  expect(timeless(actors).replace('charts actors', 'charts tables')).toBe(timeless(tables));
});

test('ends with 3 soon after Ctrl-C when a program never comes to a point, too', async () => {
  let sent = false;
  const { code, stdout, ms } = await asymmu(['explore', './spins.ts', ...small], {
    cwd: mine,
    onOutput: (_, child) => {
      if (!sent) setTimeout(() => child.kill('SIGINT'), 1000);
      sent = true;
    },
  });
  expect(code).toBe(3);
  expect(stdout).toMatch(/^INCONCLUSIVE .*: interrupted after 0 schedules/m);
  expect(ms).toBeLessThan(8000);
});
