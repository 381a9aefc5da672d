import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { loadScenario } from '../../actors/thread/scenario-loader.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

/** Programs that never come to an end, and programs that only take long. */

const run = sharedRack();
const folder = mkdtempSync(join(tmpdir(), 'asymmu-'));
beforeAll(async () => {
  await runProgram('warm', '', '', 5000); // that workers take long to start is no stall of a program
});
afterAll(() => rmSync(folder, { recursive: true }));

const from = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;
const STALL_MS = 300;

/** Runs a module whose CPU 2 does `body`, and CPU 3 `other`, when the system is up. `mine`, `yours`: words of their own. */
async function runProgram(name: string, body: string, other = '', stallMs = STALL_MS): Promise<RunOutcome> {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { load, loadAdd, store } from '${from('hardware/load-store.ts')}';
     import { dsb, isb } from '${from('hardware/barrier.ts')}';
     import { tlbi } from '${from('hardware/tlbi.ts')}';
     import { relaxWhile } from '${from('hardware/wait.ts')}';
     import { mark } from '${from('kernel/kernel.ts')}';
     const program = (body) => function* (cpu, k) {
       mark(cpu, 'work.started');
       const { panic_cpu: mine, num_online_cpus: yours } = k.symbols.variables;
       yield* body(cpu, k, mine, yours, performance.now());
       mark(cpu, 'work.finished');
     };
     const odd = program(function* (cpu, k, mine, yours, began) { ${body} });
     const other = program(function* (cpu, k, mine, yours, began) { ${other} });
     const quiet = program(function* () {});
     export default { name: '${name}', summary: 'a test', board: 'asymmetric-8',
       programs: (cpu) => (cpu === 2 ? odd : cpu === 3 ? other : quiet) };`,
  );
  const module = pathToFileURL(file).href;
  return run(await loadScenario({ name, module }), { module, stallMs });
}

describe('a program without an end is a hung CPU, by the state it is in and what it touches,', () => {
  test.each<[what: string, body: string, message: RegExp]>([
    ['if it reads one word', 'for (;;) yield* load(cpu, mine);', /last seen at a load of 0x[0-9a-f]{16}$/],
  ])('%s', async (what, body, message) => {
    const outcome = await runProgram(what.replaceAll(' ', '-'), body);
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations).toHaveLength(1);
    const [violation] = outcome.violations;
    expect(violation).toMatchObject({ property: 'hung', cpu: 2 });
    expect(violation!.message).toMatch(/^CPU 2 has not got anywhere for \d+ ms, in state online: working, /);
    expect(violation!.message).toMatch(message);
    expect(violation!.evidence[2]).toMatch(/^CPU 2: running, online: working, last seen at /);
  });

  test.each<[what: string, body: string, message: RegExp]>([
    ['if it counts', 'for (let i = 0n; ; i++) yield* store(cpu, mine, i);', /last seen at a store to 0x/],
  ])('%s', async (what, body, message) => {
    const outcome = await runProgram(what.replaceAll(' ', '-'), body);
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations).toHaveLength(1);
    const [violation] = outcome.violations;
    expect(violation).toMatchObject({ property: 'hung', cpu: 2 });
    expect(violation!.message).toMatch(
      /^CPU 2 has only repeated what was done before for \d+ ms, in state online: working\b/,
    );
    expect(violation!.message).toMatch(message);
    expect(violation!.remedy).toMatch(/more patience/);
  });
});

describe('a program that only takes long is good:', () => {
  const FOR_LONG = `performance.now() < began + ${4 * STALL_MS}`;
  test.each<[what: string, body: string, other: string]>([
    [
      'reads all over the memory',
      `while (${FOR_LONG})
         for (let page = 0; page < 4096; page++) yield* load(cpu, k.space.pageOffset + 0x3000000 + page * 4096);`,
      '',
    ],
    [
      'spins while another works',
      'while ((yield* load(cpu, mine)) === 0n);',
      `while (${FOR_LONG}) yield* store(cpu, yours, 8n);
       yield* store(cpu, mine, 1n);`,
    ],
  ])('%s', async (what, body, other) => {
    const outcome = await runProgram(what.replaceAll(' ', '-'), body, other);
    expect(complaints(outcome)).toEqual([]);
    expect(outcome.verdict).toBe('good');
    expect(outcome.durationMs).toBeGreaterThan(3 * STALL_MS);
  });
});

test('a good repaint has news far more often than the watchdog asks for', async () => {
  const { repaint } = await import('../../src/scenario/repaint/repaint.ts');
  const outcome = await run(repaint, {
    board: smallBoard('asymmetric-8', { memoryBytes: 2 ** 32 }),
    stallMs: STALL_MS,
  });
  expect(complaints(outcome)).toEqual([]);
});
