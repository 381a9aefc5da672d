import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

const small = ['--seed', '1', '--jobs', '1'];
const noFlush = ['explore', 'repaint/no-flush', ...small];

const mine = folderWith({
  'syntax.ts': 'export default {\n  name: oops oops\n};\n',
  'import.ts': "throw new Error('not today');\n",
  'setup.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({
  name: 'setup', summary: 'x', board: 'one-block',
  setup: () => {
    throw new Error('no setup for you');
  },
});
`,
  'program.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({
  name: 'program', summary: 'x', board: 'one-block',
  programs: () =>
    function* () {
      const nothing = undefined as unknown as { length: number };
      nothing.length;
    },
});
`,
  'plain.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({ name: 'plain', summary: 'x', board: 'one-block', programs: () => (() => {}) as never });
`,
  'yields.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({ name: 'yields', summary: 'x', board: 'one-block', programs: () => function* () { yield 5 as never; } });
`,
  'good.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({ name: 'good', summary: 'x', board: 'one-block', programs: () => function* () {} });
`,
});

describe('asymmu explore', () => {
  test('says on the first screen what failed, how to see it again, and the steps that led to it', async () => {
    const { code, stdout, stderr, aloneInItsGroup } = await asymmu(noFlush);
    expect({ code, stderr, aloneInItsGroup }).toEqual({ code: 1, stderr: '', aloneInItsGroup: true });
    const report = stdout.slice(stdout.indexOf('VIOLATED')).split('\n');
    expect(report[0]).toMatch(
      /^VIOLATED {2}stale: repaint\/no-flush on one-block, 4 CPUs, random, seed 1, in schedule 0/,
    );
    expect(report[1]).toMatch(/^ {2}again: npx asymmu replay a1\.[\w.-]+$/);
    const text = report.join(' ').replace(/\s+/g, ' ');
    expect(text).toMatch(
      /shrunk from 4 CPUs, \d+ context switches .* to 2 CPUs, [0-4] context switches .* in \d+ runs/,
    );
    expect(text).toContain("a bad twin, caught by 'stale' as it should be");
    expect(text).toMatch(/missing: flush_tlb_kernel_range\(\).*6\.18/);
    expect(report.join('\n')).toMatch(/\n +step \| CPU 0 +\| CPU 1\n/);
    expect(text).toMatch(/cured by TLBI VMALLE1IS; DSB ISH; ISB between .* flush_tlb_kernel_range\(\)/);
    expect(text).toMatch(/tried with the line all 201 schedules tried end well, without it 201 of 201 do not/);
    expect(report.length).toBeLessThan(48);
  });

  test('shows the run as it was found with --no-shrink', async () => {
    const { stdout } = await asymmu([...noFlush, '--no-shrink']);
    expect(stdout).not.toContain('shrunk');
    expect(stdout).toMatch(/\n +step \| CPU 0 +\| CPU 1 +\| CPU 2\n/);
  });

  test('prints everything that decides it before it starts, and which board it took', async () => {
    const { stdout } = await asymmu(['explore', 'repaint', '--schedules', '2', ...small]);
    const head = stdout.slice(0, stdout.indexOf('GOOD')).replace(/\s+/g, ' ');
    expect(head).toContain('scenario repaint · board one-block · cpus 4 ·');
    expect(head).toContain(
      'seed 1 · from brought-up · mostPoints 100000 · charts tables · strategy random · schedules 2',
    );
    expect(head).toContain("--board asymmetric-8 is the scenario's own");
  });

  test('is honest about what it means that nothing was found', async () => {
    const { code, stdout } = await asymmu(['explore', 'repaint', '--schedules', '100', ...small]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^GOOD {2}repaint on one-block, 4 CPUs, random, seed 1: no property was violated in 100 schedules/m,
    );
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toMatch(
      /covered 100 schedules, [\d,]+ points \([\d,]+ schedules\/s, [\d,]+ points\/s\), none given up/,
    );
    expect(text).toMatch(
      /danger both-sizes-cached in [1-9]\d*, stale-use-before-completion in (none|\d+) of 100 schedules/,
    );
    expect(text).toMatch(
      /seen situations: \d+ after 1, \d+ after 10, \d+ after 100; \d+\.\d% of the last 10 schedules met a new one/,
    );
    expect(text).toContain('worth drawn at random: no bound on what the schedules that were not drawn may do');
  });

  test('gives the bound of PCT, with the numbers that go into it', async () => {
    const { code, stdout } = await asymmu([
      'explore',
      'repaint',
      '--strategy',
      'pct',
      '--depth',
      '2',
      '--schedules',
      '100',
      ...small,
    ]);
    expect(code).toBe(0);
    const text = stdout.replace(/\s+/g, ' ');
    const [, steps, bound, missed] =
      /a bug that takes 2 orderings of the 4 CPUs in runs of (\d+) steps .* at least 1\/\(4 x \1\^1\) = ([\d.e-]+), so all 100 miss it with one of at most ([\d.]+)%/.exec(
        text,
      )!;
    expect(Number(bound)).toBeCloseTo(1 / (4 * Number(steps)), 5);
    expect(Number(missed) / 100).toBeCloseTo((1 - Number(bound)) ** 100, 2);
  });

  test('tries everything within bounds, and says which', async () => {
    const args = ['explore', './good.ts', '--strategy', 'bounded', '--preemptions', '1', '--acts', '0', ...small];
    const { code, stdout } = await asymmu(args, { cwd: mine });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^GOOD {2}good on one-block, 2 CPUs, bounded, seed 1: no property was violated in \d+ schedules, all there are within the bounds/m,
    );
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'no schedule with at most 1 preemption, 0 acts of the hardware by itself, 0 answers of chance',
    );
  });

  test('does not call it good when it wanted to try everything and has not', async () => {
    const { code, stdout } = await asymmu(['explore', 'repaint', '--strategy', 'dfs', '--schedules', '5', ...small]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^INCONCLUSIVE .*: the budget was spent after 5 schedules/m);
    expect(stdout.replace(/\s+/g, ' ')).toContain('worth not finished');
  });

  test('does not call it good when every run was given up', async () => {
    const { code, stdout } = await asymmu([
      'explore',
      'repaint',
      '--from',
      'power-on',
      '--points',
      '20',
      '--schedules',
      '5',
      ...small,
    ]);
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /^INCONCLUSIVE .*: every run was given up at 20 points \(--points gives them more\) after 5 schedules/m,
    );
  });

  test('goes on after a violation with --keep-going, and shows each property once', async () => {
    const args = ['explore', 'repaint/no-flush', '--keep-going', '--schedules', '20', '--no-shrink', ...small];
    const { code, stdout } = await asymmu(args);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^VIOLATED {2}stale: .*, in 20 of 20 schedules/m);
    expect(stdout.match(/again: /g)).toHaveLength(1);
  });

  test('runs from power-on, too', async () => {
    const { code, stdout } = await asymmu([
      'explore',
      'repaint/no-flush',
      '--from',
      'power-on',
      '--no-shrink',
      ...small,
    ]);
    expect(code).toBe(1);
    const token = /npx asymmu replay (\S+)/.exec(stdout)![1]!;
    expect((await asymmu(['replay', token])).code).toBe(1);
  });

  test('ends with 3 soon after Ctrl-C, and says what was covered', async () => {
    let at = 0;
    const { code, stdout, aloneInItsGroup } = await asymmu(['explore', 'repaint', '--for', '10m', ...small], {
      onOutput: (_, child) => {
        if (at > 0) return;
        at = performance.now();
        setTimeout(() => child.kill('SIGINT'), 1500);
      },
    });
    expect({ code, aloneInItsGroup }).toEqual({ code: 3, aloneInItsGroup: true });
    expect(stdout).toMatch(/^INCONCLUSIVE .*: interrupted after [\d,]+ schedules?\b/m);
    expect(performance.now() - at).toBeLessThan(6000);
  });

  test.each<[string[], string]>([
    [['repaint', '--strategy', 'luck'], "--strategy: 'luck' is none of random, pct, novel, bounded, dfs"],
    [['repaint', '--depth', '2'], "--depth: the strategy 'random' does not ask for it"],
    [['repaint', '--strategy', 'pct', '--depth', '0'], "--depth: '0' is not a number from 1 to 32"],
    [['repaint', '--schedules', '0'], "--schedules: '0' is not a number from 1 to 2147483647"],
    [['repaint', '--jobs', '999'], "--jobs: '999' is more than 256"],
    [
      ['repaint', '--strategy', 'dfs', '--jobs', '2'],
      "--jobs: the schedules of 'dfs' follow from each other; it has one job",
    ],
    [['repaint', '--from', 'bed'], "--from: 'bed' is none of power-on, brought-up"],
    [['repaint', '--for', 'ever'], "--for: 'ever' is not a time; expected for example 30s, 10m or 8h"],
  ])('refuses %j with 2 and one line', async (args, message) => {
    const { code, stdout, stderr } = await asymmu(['explore', ...args]);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `asymmu: ${message}\n` });
  });
});

describe("a module of the user's", () => {
  test('that the README shows is the example, and fails as it says', async () => {
    const readme = readFileSync('README.md', 'utf8');
    expect(readme).toContain(readFileSync('examples/published-too-early.ts', 'utf8'));
    const { code, stdout } = await asymmu(['explore', 'examples/published-too-early.ts', ...small]);
    expect(code).toBe(1);
    const [, message] = /(spurious-fault \(CPU 1, step \d+\): translation fault, level 3)/.exec(stdout)!;
    expect(readme).toContain(message);
  });

  test.each([
    ['syntax.ts', /^asymmu: \.\/syntax\.ts(:\d+)?.*\n$/],
    ['import.ts', /^asymmu: \.\/import\.ts:1:\d+: not today\n$/],
    ['setup.ts', /^asymmu: \.\/setup\.ts:5:\d+: no setup for you\n$/],
    ['program.ts', /^asymmu: \.\/program\.ts:7:\d+: Cannot read properties of undefined \(reading 'length'\)\n$/],
    ['plain.ts', /^asymmu: \.\/plain\.ts: a program must be a generator function/],
    ['yields.ts', /^asymmu: \.\/yields\.ts: a program yielded something: it may only yield\* operations\n$/],
  ])('that is wrong is told where: %s', async (file, message) => {
    const { code, stderr, aloneInItsGroup } = await asymmu(['explore', `./${file}`, ...small], { cwd: mine });
    expect({ code, aloneInItsGroup }).toEqual({ code: 2, aloneInItsGroup: true });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});
