import { describe, expect, test } from 'vitest';
import { documentSchemas } from '../../actors/cli/document/document-schemas.ts';
import { bugs } from '../../src/scenario/bugs.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { asymmu } from './command.ts';

describe('the catalogue of bugs', () => {
  test('has each once; what is acted out is in the catalogue of scenarios, with its fix', () => {
    expect(new Set(bugs.map(({ name }) => name)).size).toBe(bugs.length);
    for (const { name, act } of bugs) {
      if ('why' in act) continue;
      expect(catalogue, name).toContain(act.bad);
      expect(catalogue, name).toContain(act.fixed);
      expect([act.bad.expect === 'good', act.fixed.expect], name).toEqual([false, 'good']);
    }
  });

  test('says of each what is wrong, who says so, where it is and what was done', () => {
    for (const { name, wrong, source, revision, fix, act } of bugs) {
      for (const text of [wrong, source, revision, fix, 'why' in act ? act.why : act.bad.summary])
        expect(text.length, name).toBeGreaterThan(1);
      expect(wrong, name).not.toMatch(/[.]$/);
    }
  });
});

describe('asymmu bugs', () => {
  test('lists them, and says how many can be acted out', async () => {
    const { code, stdout } = await asymmu(['bugs']);
    expect(code).toBe(0);
    for (const { name } of bugs) expect(stdout).toContain(name);
    expect(stdout).toContain(`${bugs.length} bugs, ${bugs.filter(({ act }) => 'bad' in act).length} of them acted out`);
  });

  test('describes one: how it is caught, or why it cannot be', async () => {
    const { stdout } = await asymmu(['bugs', 'wrong-painter']);
    expect(stdout).toMatch(/^ {2}caught by {2}bbm$/m);
    expect((await asymmu(['bugs', 'smmu-sva-gate'])).stdout).toMatch(/^ {2}not acted {2}boards have no SMMU/m);
  });

  test('a misspelt one is recognised', async () => {
    const { code, stderr } = await asymmu(['bugs', 'run', 'wrong-panter']);
    expect([code, stderr]).toEqual([
      2,
      "asymmu: unknown bug 'wrong-panter' (did you mean 'wrong-painter'?); 'asymmu bugs' lists them\n",
    ]);
  });

  test('run finds each by name from every seed, puts its fix to the same schedules, and prints a token', async () => {
    const args = ['bugs', 'run', 'wrong-painter', 'late-cpu-admitted', 'smmu-sva-gate', '--seeds', '3'];
    const { code, stdout, stderr, aloneInItsGroup } = await asymmu(args);
    expect({ code, stderr, aloneInItsGroup }).toEqual({ code: 0, stderr: '', aloneInItsGroup: true });
    expect(stdout).toMatch(/^✓ wrong-painter +bbm +random 1 · pct 1 · fix good in 120$/m);
    expect(stdout).toContain('2 of 2 bugs found by name from every seed, and their fixes good');
    expect(stdout).toContain('not acted out: smmu-sva-gate');
    const [token] = /a1\.\S+/.exec(stdout)!;
    expect((await asymmu(['replay', token])).code).toBe(1);
  });

  test('run refuses where nothing that is asked for can be acted out, and says why', async () => {
    const { code, stdout, stderr } = await asymmu(['bugs', 'run', 'smmu-sva-gate', 'smmu-sva-gate']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^asymmu: smmu-sva-gate is not acted out: .*\n$/);
  });

  test('is one document as published', async () => {
    const { code, stdout } = await asymmu(['bugs', 'run', 'wrong-painter', '--seeds', '2', '--json']);
    expect(code).toBe(0);
    expect(documentSchemas.bugs.parse(JSON.parse(stdout)).bugs).toMatchObject([
      { name: 'wrong-painter', found: true, property: 'bbm', schedules: 1, token: expect.stringMatching(/^a1\./) },
    ]);
    const listed = documentSchemas.bugs.parse(JSON.parse((await asymmu(['bugs', '--json'])).stdout));
    expect(listed.bugs).toHaveLength(bugs.length);
  });
});
