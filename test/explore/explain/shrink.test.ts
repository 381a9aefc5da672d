import { describe, expect, it } from 'vitest';
import { accountOf, type RunSize } from '../../../src/explore/explain/account.ts';
import { departing } from '../../../src/explore/explain/departures.ts';
import { SHRINK_BUDGET, type Shrunk, shrink } from '../../../src/explore/explain/shrink.ts';
import { type Exploration, type Interleaved, interleaverOf } from '../../../src/explore/interleaver.ts';
import { Diverged, replaying } from '../../../src/explore/replay.ts';
import { randomly, uniform } from '../../../src/explore/strategy/random.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import { repaint, twins } from '../../../src/scenario/repaint/repaint.ts';
import { drawnLate, explorationOf, lostUpdate, overtaking, twoFailures } from '../known-bugs.ts';

/** The first failing run of `property` among the schedules of `seed`. */
function firstOf(exploration: Exploration, property: string, seed = 1): Interleaved {
  const name = `${exploration.scenario.name} ${exploration.board.cpus.length} ${property} ${seed}`;
  const known = FIRST.get(name);
  if (known !== undefined) return known;
  const interleaver = interleaverOf(exploration);
  for (let from = 0; from < 5000; ) {
    const { found } = search(interleaver, uniform(seed), from, 5000);
    if (found === undefined) break;
    if (found.run.violations[0]!.property === property) {
      FIRST.set(name, found.run);
      return found.run;
    }
    from = found.index + 1;
  }
  throw new Error(`no schedule violates ${property}`);
}

const FIRST = new Map<string, Interleaved>();

function shrunk(exploration: Exploration, property: string, seed = 1): Shrunk {
  return shrink(exploration, firstOf(exploration, property, seed));
}

/** What matters of it, as plain data. */
const summary = ({ exploration, found, property, before, after, departures, runs }: Shrunk) => {
  const { violations, decisions } = found;
  return { cpus: exploration.board.cpus.length, property, violations, decisions, before, after, departures, runs };
};

describe('a failing run of the repaint', () => {
  it.each(twins)('$name becomes one of at most 3 CPUs and 4 preemptions that fails alike', (scenario) => {
    const exploration = explorationOf(scenario);
    const found = interleaverOf(exploration).run(randomly(1));
    const small = shrink(exploration, found);
    expect(small.property).toBe(scenario.expect);
    expect(small.found.violations[0]!.property).toBe(scenario.expect);
    expect(small.before.cpus).toBe(4);
    expect(small.after.cpus).toBeLessThanOrEqual(3);
    expect(small.after.preemptions).toBeLessThanOrEqual(4);
    expect(small.after.points).toBeLessThan(small.before.points);
  });
});

describe('what is known of the smallest run', () => {
  const SEEDS = [1, 2, 3, 4, 5];

  it.each(SEEDS)('a lost update takes one preemption, and the two CPUs that do it (seed %i)', (seed) => {
    const { after } = shrunk(explorationOf(lostUpdate), 'lost-update', seed);
    expect(after).toMatchObject({ cpus: 3, preemptions: 1, chances: 0, hardwareActs: 0 });
  });

  it.each(SEEDS)(
    'stores that leave out of order take one act of the hardware, one choice and one preemption (seed %i)',
    (seed) => {
      const { after } = shrunk(explorationOf(overtaking), 'panic', seed);
      expect(after).toMatchObject({ cpus: 2, preemptions: 1, chances: 1, hardwareActs: 1 });
    },
  );

  it.each(SEEDS)('a draw stays drawn: a run that fails in another way is another run (seed %i)', (seed) => {
    const { after, property, departures } = shrunk(explorationOf(twoFailures), 'panic', seed);
    expect(property).toBe('panic');
    expect(after).toMatchObject({ cpus: 2, preemptions: 0, chances: 1, hardwareActs: 0 });
    expect(departures).toMatchObject([{ kind: 'fall', chance: 'program', answer: 5 }]);
  });

  it.each(SEEDS)('a draw after a milestone is the same draw, however many points came before it (seed %i)', (seed) => {
    const exploration = explorationOf(drawnLate, 2);
    const { after, departures } = shrunk(exploration, 'panic', seed);
    expect(after).toMatchObject({ preemptions: 0, chances: 1, hardwareActs: 0 });
    expect(departures).toMatchObject([{ kind: 'fall', chance: 'program', answer: 5 }]);
  });

  it.each([1, 2])('stores that leave out of order carry over to 2 CPUs, without a search there (seed %i)', (seed) => {
    const exploration = explorationOf(overtaking);
    const found = firstOf(exploration, 'panic', seed);
    const { after } = shrink(exploration, found, { ...SHRINK_BUDGET, seedsPerBoard: 0 });
    expect(after).toMatchObject({ cpus: 2, preemptions: 1, chances: 1, hardwareActs: 1 });
  });
});

const order = ({ cpus, preemptions, chances, hardwareActs, switches, points }: RunSize): number[] => [
  cpus,
  preemptions,
  chances + hardwareActs,
  switches,
  points,
];

describe('shrinking', () => {
  const exploration = explorationOf(lostUpdate);
  const found = firstOf(exploration, 'lost-update');

  it('comes out the same every time', () => {
    expect(summary(shrink(exploration, found))).toEqual(summary(shrink(exploration, found)));
  });

  it('gives a strict record: another machine repeats it, violation for violation', () => {
    const small = shrink(exploration, found);
    expect(interleaverOf(small.exploration).run(replaying(small.found.decisions))).toEqual(small.found);
  });

  it('has nothing left to do with what it made', () => {
    const once = shrink(exploration, found);
    const twice = shrink(once.exploration, once.found);
    expect(twice.after).toEqual(once.after);
    expect(twice.before).toEqual(once.after);
  });

  it.each([0, 1, 20, 100])('never grows, and stops after about %i runs', (runs) => {
    for (const seed of [1, 2])
      for (const scenario of [lostUpdate, overtaking, twoFailures]) {
        const given = explorationOf(scenario);
        const property = scenario === lostUpdate ? 'lost-update' : 'panic';
        const {
          before,
          after,
          runs: spent,
        } = shrink(given, firstOf(given, property, seed), { ...SHRINK_BUDGET, runs });
        const at = order(after).findIndex((value, i) => value !== order(before)[i]);
        if (at >= 0) expect(order(after)[at]).toBeLessThan(order(before)[at]!);
        expect(spent).toBeLessThanOrEqual(runs + 1);
      }
  });

  it('refuses a run that violated nothing', () => {
    const good = explorationOf(repaint);
    expect(() => shrink(good, interleaverOf(good).run(randomly(1)))).toThrow(RangeError);
  });

  it('refuses a run of another board', () => {
    expect(() => shrink(explorationOf(lostUpdate, 3), found)).toThrow(Diverged);
  });
});

describe('the departures of a run', () => {
  it.each([repaint, overtaking, ...twins])('of $name are the run: nothing else makes it what it is', (scenario) => {
    const { run, lanes } = interleaverOf(explorationOf(scenario, 3));
    for (let seed = 1; seed <= 20; seed++) {
      const account = accountOf(lanes, randomly(seed));
      const first = run(account.decide, account.acted);
      const again = departing(account.departures(), lanes);
      expect(run(again.decide, again.acted)).toEqual(first);
    }
  });

  it('are counted for what they are', () => {
    const { run, lanes } = interleaverOf(explorationOf(overtaking, 3));
    const account = accountOf(lanes, randomly(3));
    const steps: number[] = [];
    let hardwareActs = 0;
    const { points, decisions } = run(account.decide, (actor, point) => {
      account.acted(actor, point);
      if (actor % 4 === 0) steps.push(actor / 4);
      else hardwareActs++;
    });
    const size = account.size();
    const switches = steps.filter((cpu, i) => i > 0 && cpu !== steps[i - 1]).length;
    expect(size).toMatchObject({ cpus: 3, points, switches, hardwareActs });
    expect(size.preemptions).toBeGreaterThan(0);
    expect(size.preemptions).toBeLessThanOrEqual(switches);
    const answered = decisions.answers.filter((answer) => answer !== 0).length;
    expect(account.departures()).toHaveLength(answered);
  });
});
