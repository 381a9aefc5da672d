import { expect, test } from 'vitest';
import { oddPrograms } from './odd-programs.ts';
import { sharedRack } from './small-run.ts';

/** Programs that never come to an end, and programs that only take long. */

const runProgram = oddPrograms(sharedRack());

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
