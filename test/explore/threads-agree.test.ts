import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tally, threadsAgree, tinyProgram, unlisted } from './agreement.ts';
import type { Instruction, SmallProgram, Twist } from './small-program.ts';
import { openCpus, type ThreadCpus } from './thread-cpus.ts';

const ROUNDS = 150;
/** Times that so many rounds are tried before something counts as never coming. */
const MOST_TRIES = 40;

let cpus: ThreadCpus;
beforeAll(async () => {
  cpus = await openCpus();
});
afterAll(() => cpus.close());

const storeEntry = (entry: number): Instruction => ({ does: 'storeEntry', entry });
const loadEntry = (entry: number): Instruction => ({ does: 'loadEntry', entry });
const store: Instruction = { does: 'store', word: 0 };
const load: Instruction = { does: 'load', word: 0 };
const loadAdd: Instruction = { does: 'loadAdd', word: 0 };
const ishst: Instruction = { does: 'dsb', barrier: 'ishst' };
const ish: Instruction = { does: 'dsb', barrier: 'ish' };
const remap: Instruction = { does: 'remap' };
const tlbi: Instruction = { does: 'tlbi' };
const loadPage: Instruction = { does: 'loadPage' };

const storeBuffering: SmallProgram = [
  [storeEntry(0), loadEntry(1)],
  [storeEntry(1), loadEntry(0)],
];
const messagePassing = (...barrier: Instruction[]): SmallProgram => [
  [storeEntry(0), ...barrier, store],
  [load, loadEntry(0)],
];
/** Once CPU 0 has said that it is done, nobody comes to the old page. */
const remapped: SmallProgram = [
  [remap, ishst, tlbi, ish, store],
  [loadPage, load, loadPage],
];

describe('what small programs come to on threads', () => {
  it('is among the outcomes that the exhaustive search lists', { timeout: 60_000 }, async () => {
    const tally = new Tally();
    await fc.assert(threadsAgree(cpus, ROUNDS, 'none', tally), { numRuns: 20, seed: 1 });
    process.stdout.write(`${tally}\n`);
    expect(tally.tooLarge).toBeLessThan(tally.programs / 5);
    expect(tally.reached).toBeGreaterThan(tally.listed / 2);
  });

  it.each<[string, SmallProgram, listed: number]>([
    ['store buffering', storeBuffering, 4],
    ['store buffering with barriers', storeBuffering.map(([a, b]) => [a!, ish, b!]), 3],
    ['message passing', messagePassing(), 4],
    ['message passing with a barrier', messagePassing(ishst), 3],
    ['a page that is mapped elsewhere', remapped, 5],
    ['a load by one of two CPUs that store to one entry', [[storeEntry(0), loadEntry(0)], [storeEntry(0)]], 3],
    ['additions by three CPUs', [[loadAdd], [loadAdd], [loadAdd]], 6],
  ])('is all of them, sooner or later: %s', async (_, program, listed) => {
    const { outcomes } = await cpus.list({ program, mostSchedules: Number.POSITIVE_INFINITY });
    expect(outcomes.size).toBe(listed);
    const seen = new Set<string>();
    for (let seed = 0; seed < MOST_TRIES && seen.size < outcomes.size; seed++)
      for (const outcome of (await cpus.run({ program, rounds: ROUNDS, seed, twist: 'none' })).keys())
        seen.add(outcome);
    expect([...seen].sort()).toEqual([...outcomes].sort());
  });
});

describe('what the exhaustive search lists', () => {
  it('is the same where nothing is reduced', { timeout: 60_000 }, async () => {
    let compared = 0;
    const same = fc.asyncProperty(tinyProgram, async (program) => {
      const all = await cpus.list({ program, mostSchedules: 3000, reduction: 'none' });
      if (!all.finished) return;
      const reduced = await cpus.list({ program, mostSchedules: 3000 });
      expect([...reduced.outcomes].sort()).toEqual([...all.outcomes].sort());
      compared++;
    });
    await fc.assert(same, { numRuns: 40, seed: 1 });
    expect(compared).toBeGreaterThan(20);
  });
});

describe('that threads disagree is noticed', () => {
  it.each<[string, Twist, SmallProgram]>([
    ['a CPU does not see its own buffered stores', 'no-forwarding', [[storeEntry(0), loadEntry(0)], [load]]],
    ['a CPU loads the entry before the flag', 'swapped', messagePassing(ishst)],
    ['a TLBI is forgotten', 'no-tlbi', remapped],
  ])('when %s', async (_, twist, program) => {
    let strange: string[] = [];
    for (let tries = 0; tries < MOST_TRIES && strange.length === 0; tries++)
      strange = await unlisted(cpus, program, ROUNDS, twist, new Tally());
    expect(strange).not.toEqual([]);
  });

  it.each<Twist>(['no-forwarding', 'swapped'])('with %s in random programs', async (twist) => {
    const { failed, errorInstance } = await fc.check(threadsAgree(cpus, ROUNDS, twist, new Tally()), {
      numRuns: 100,
      seed: 1,
      endOnFailure: true,
    });
    expect(failed).toBe(true);
    expect(String(errorInstance)).toMatch(/threads came to .*, which is not listed/);
  });
});
