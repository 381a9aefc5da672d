import { describe, expect, it } from 'vitest';
import { briefWork } from '../../src/explore/brief-work.ts';
import type { Decide } from '../../src/explore/decide.ts';
import { type Exploration, type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { randomly } from '../../src/explore/random.ts';
import { Diverged, replaying, TAME } from '../../src/explore/replay.ts';
import type { Board } from '../../src/hardware/board.ts';
import { boardPresets } from '../../src/hardware/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { heldUpCpu, repaint, twins } from '../../src/scenario/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function small(cpus: number): Board {
  const resized = resizeBoard(boardPresets.get('one-block')!, { cpus });
  if (!resized.ok) throw new Error(resized.problems.join('; '));
  return resized.board;
}

function explorer(scenario: Scenario, more: Partial<Exploration> = {}): Interleaver {
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  const from = 'brought-up';
  return interleaverOf({ board: small(3), scenario, kernel, work: briefWork, from, mostPoints: 20_000, ...more });
}

describe('one thread for all CPUs', () => {
  it.each([repaint, heldUpCpu])('runs $name to a good end, however it is scheduled', (scenario) => {
    const { run } = explorer(scenario);
    for (const seed of SEEDS) {
      const { verdict, violations } = run(randomly(seed));
      expect([verdict, violations]).toEqual(['good', []]);
    }
  });

  it('runs from power-on as well as from where all CPUs are up', () => {
    const whole = explorer(repaint, { from: 'power-on' });
    const rest = explorer(repaint);
    for (const seed of SEEDS) {
      const long = whole.run(randomly(seed));
      expect(long.verdict).toBe('good');
      expect(long.points).toBeGreaterThan(rest.run(randomly(seed)).points + 100);
    }
  });

  it.each(twins)('catches $name by name, on every seed', (scenario) => {
    const { run } = explorer(scenario);
    for (const seed of SEEDS) {
      const { verdict, violations } = run(randomly(seed));
      expect([verdict, violations[0]?.property]).toEqual(['violated', scenario.expect]);
    }
  });

  it('reaches the danger in most runs: a TLB holds a block and a page for one address', () => {
    const { run, counts } = explorer(repaint);
    const dangerous = SEEDS.filter((seed) => {
      run(randomly(seed));
      return counts().bothSizesCached > 0;
    });
    expect(dangerous.length).toBeGreaterThan(SEEDS.length / 2);
  });

  it('goes on with the CPU that went last when every decision is tame', () => {
    const { run, counts } = explorer(repaint);
    const { verdict, decisions } = run(TAME);
    expect(verdict).toBe('good');
    expect(decisions.answers.every((answer) => answer === 0)).toBe(true);
    expect(counts().speculativeWalks).toBe(0);
  });

  it('says that a run was given up, and does not call it good', () => {
    const { verdict, points } = explorer(repaint, { mostPoints: 20, from: 'power-on' }).run(randomly(1));
    expect([verdict, points]).toEqual(['inconclusive', 20]);
  });

  it('names who waits for what when nobody can go on', () => {
    const flagStartsAtZero = twins.find(({ expect: property }) => property === 'deadlock')!;
    const [violation] = explorer(flagStartsAtZero).run(randomly(1)).violations;
    expect(violation!.message).toMatch(/CPU 0 waits for the repaint flag to reach 3/);
  });
});

describe('a run', () => {
  it.each([repaint, ...twins])('of $name leaves nothing behind for the next', (scenario) => {
    const used = explorer(scenario);
    for (const seed of SEEDS) used.run(randomly(seed));
    const again = used.run(randomly(7));
    const countsAgain = used.counts();
    const fresh = explorer(scenario);
    expect(again).toEqual(fresh.run(randomly(7)));
    expect(countsAgain).toEqual(fresh.counts());
  });

  it.each(twins)('of $name comes out the same from its decisions, violation for violation', (scenario) => {
    const { run } = explorer(scenario);
    const first = run(randomly(7));
    expect(run(replaying(first.decisions))).toEqual(first);
  });

  it('of another board is refused, not misread', () => {
    const { decisions } = explorer(repaint).run(randomly(7));
    const other = explorer(repaint, { board: small(2) });
    expect(() => other.run(replaying(decisions))).toThrow(Diverged);
  });

  it('depends on nothing but its decisions', () => {
    const { run } = explorer(repaint);
    expect(run(randomly(5)).decisions).not.toEqual(run(randomly(6)).decisions);
  });
});

it('an answer outside the question is a fault of whoever decides', () => {
  const wild: Decide = { next: () => 99, chance: () => 0 };
  expect(() => explorer(repaint).run(wild)).toThrow(/a decision among \d+ was answered by 99/);
});
