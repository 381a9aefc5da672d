import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { loadScenario } from '../../actors/thread/scenario-loader.ts';
import { sharedRack } from './small-run.ts';

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

test('if it hands a word to and fro with another: both are named', async () => {
  const outcome = await runProgram(
    'for-ever',
    "for (let i = 0n; ; i += 2n) { yield* store(cpu, mine, i + 1n); yield* relaxWhile(cpu, mine, i + 1n, 'CPU 3'); }",
    "for (let i = 0n; ; i += 2n) { yield* relaxWhile(cpu, mine, i, 'CPU 2'); yield* store(cpu, mine, i + 2n); }",
  );
  expect(outcome.violations).toHaveLength(1);
  expect(outcome.violations[0]!.property).toBe('hung');
  expect(outcome.violations[0]!.message).toMatch(/^CPU (2-3 have|[23] has) only repeated/);
});
