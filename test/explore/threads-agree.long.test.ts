import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tally, threadsAgree } from './agreement.ts';
import { openCpus } from './thread-cpus.ts';

const PROGRAMS = 300;
const ROUNDS = 500;

test(`${PROGRAMS} random small programs come on threads to nothing but what the exhaustive search lists`, async () => {
  const cpus = await openCpus();
  const tally = new Tally();
  try {
    await fc.assert(threadsAgree(cpus, ROUNDS, 'none', tally), { numRuns: PROGRAMS });
  } finally {
    await cpus.close();
  }
  process.stdout.write(`${tally}\n`);
  expect(tally.reached).toBeGreaterThan(tally.listed / 2);
});
