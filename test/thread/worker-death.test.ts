import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { guarded, isGone } from '../../actors/thread/guard.ts';
import { openRack } from '../../actors/thread/rack.ts';
import { loadScenario } from '../../actors/thread/scenario-loader.ts';
import { scenarioNamed } from '../../src/scenario/catalogue.ts';
import { folderWith } from '../folder-with.ts';
import { complaints, properties, sharedRack } from './small-run.ts';

const run = sharedRack();
const folder = folderWith();

const LOAD_STORE = new URL('../../src/hardware/instruction/load-store.ts', import.meta.url).href;
const WAIT = new URL('../../src/hardware/instruction/wait.ts', import.meta.url).href;
const KERNEL = new URL('../../src/kernel/kernel.ts', import.meta.url).href;

/** Runs a user's module in which CPU 2 does `body` when the system is up, and all others nothing much. */
async function runUser(name: string, body: string): Promise<RunOutcome> {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { load } from '${LOAD_STORE}';
     import { relaxWhile } from '${WAIT}';
     import { mark } from '${KERNEL}';
     function* quiet(cpu) { mark(cpu, 'work.started'); mark(cpu, 'work.finished'); }
     function* odd(cpu, k) { mark(cpu, 'work.started'); ${body} mark(cpu, 'work.finished'); }
     export default { name: '${name}', summary: 'a test', board: 'asymmetric-8', programs: (cpu) => (cpu === 2 ? odd : quiet) };`,
  );
  const module = pathToFileURL(file).href;
  return run(await loadScenario({ name, module }), { module, stallMs: 1500 });
}

describe('a program of the user', () => {
  test('that does nothing wrong is good', async () => {
    const outcome = await runUser('quiet', '');
    expect(complaints(outcome)).toEqual([]);
    expect(outcome.verdict).toBe('good');
  });

  test('that ends its worker is a hung CPU, with its state', async () => {
    const outcome = await runUser('exits', 'process.exit(7);');
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations[0]).toMatchObject({ property: 'hung', cpu: 2 });
    expect(outcome.violations[0]!.message).toMatch(
      /^the worker of CPU 2 is gone \(it ended with code 7\); its chart was in state online: working$/,
    );
  });

  test('that loops without an instruction is a hung CPU, with its state', async () => {
    const outcome = await runUser('loops', 'for (;;);');
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations[0]).toMatchObject({ property: 'hung', cpu: 2 });
    expect(outcome.violations[0]!.message).toMatch(
      /^CPU 2 has not got anywhere for \d+ ms, in state online: working\b/,
    );
    expect(outcome.violations[0]!.evidence[2]).toMatch(/^CPU 2: running, online: working\b/);
  });

  test('that waits for what never happens is a deadlock, with what it waits for', async () => {
    const word = 'k.symbols.variables.panic_cpu';
    const outcome = await runUser('waits', `for (;;) yield* relaxWhile(cpu, ${word}, 0n, 'a bus that never comes');`);
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations[0]).toMatchObject({
      property: 'deadlock',
      cpu: 2,
      message: 'nobody can go on: CPU 2 waits for a bus that never comes',
    });
  });

  test('that throws is a broken scenario, and says what it threw', async () => {
    await expect(runUser('throws', "throw new Error('out of tea');")).rejects.toThrow('out of tea');
  });

  test('that faults is a violation, with the address', async () => {
    const outcome = await runUser('faults', 'yield* load(cpu, k.space.pageEnd - 8);');
    expect(properties(outcome)).toContain('spurious-fault');
    expect(outcome.violations[0]!.message).toContain('which nobody handles');
    expect(outcome.cpus[2]).toMatchObject({ status: 'halted' });
  });

  test('does not spoil the next run on the same workers', async () => {
    const outcome = await run(scenarioNamed('repaint')!);
    expect(complaints(outcome)).toEqual([]);
    expect(outcome.verdict).toBe('good');
  });
});

describe('a call into a worker', () => {
  test('that dies meanwhile is answered with why', async () => {
    const rack = await openRack();
    const { api, worker, gone } = rack.slot(0);
    const answer = guarded(api.run(), gone);
    await worker.terminate();
    const result = await answer;
    expect(isGone(result) && result.why).toMatch(/^it ended with code \d$/);
    await rack.close();
  });

  test('that is dead already is answered too', async () => {
    const rack = await openRack();
    const slot = rack.slot(0);
    await slot.worker.terminate();
    expect(isGone(await guarded(slot.api.run(), slot.gone))).toBe(true);
    await rack.discard(0);
    expect(rack.slot(0)).not.toBe(slot);
    await rack.close();
  });

  test('that answers with an error rejects with it', async () => {
    const rack = await openRack();
    const { api, gone } = rack.slot(0);
    await expect(guarded(api.run(), gone)).rejects.toThrow('run() before prepare()');
    await rack.close();
  });
});

test('an interrupted run ends without a verdict, and at once', async () => {
  const controller = new AbortController();
  controller.abort();
  const outcome = await run(scenarioNamed('repaint')!, { signal: controller.signal });
  expect(outcome.verdict).toBe('inconclusive');
  expect(outcome.reason).toBe('interrupted');
});
