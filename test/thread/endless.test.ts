import { describe, expect, test } from 'vitest';
import { oddPrograms, STALL_MS } from './odd-programs.ts';
import { complaints, sharedRack, smallBoard } from './small-run.ts';

/** Programs that never come to an end, and programs that only take long. */

const run = sharedRack();
const runProgram = oddPrograms(run);

describe('a program without an end is a hung CPU, by the state it is in and what it touches,', () => {
  test('if it reads one word', async () => {
    const outcome = await runProgram('reads', 'for (;;) yield* load(cpu, mine);');
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations).toHaveLength(1);
    const [violation] = outcome.violations;
    expect(violation).toMatchObject({ property: 'hung', cpu: 2 });
    expect(violation!.message).toMatch(/^CPU 2 has not got anywhere for \d+ ms, in state online: working, /);
    expect(violation!.message).toMatch(/last seen at a load of 0x[0-9a-f]{16}$/);
    expect(violation!.evidence[2]).toMatch(/^CPU 2: running, online: working, last seen at /);
  });

  test('if it counts', async () => {
    const outcome = await runProgram('counts', 'for (let i = 0n; ; i++) yield* store(cpu, mine, i);');
    expect(outcome.verdict).toBe('violated');
    expect(outcome.violations).toHaveLength(1);
    const [violation] = outcome.violations;
    expect(violation).toMatchObject({ property: 'hung', cpu: 2 });
    expect(violation!.message).toMatch(
      /^CPU 2 has only repeated what was done before for \d+ ms, in state online: working\b/,
    );
    expect(violation!.message).toMatch(/last seen at a store to 0x/);
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
