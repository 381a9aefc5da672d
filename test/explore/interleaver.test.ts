import { describe, expect, it } from 'vitest';
import { briefWork } from '../../src/explore/brief-work.ts';
import type { Decide } from '../../src/explore/decide.ts';
import { type Exploration, interleave } from '../../src/explore/interleaver.ts';
import { randomly } from '../../src/explore/random.ts';
import { Diverged, replaying } from '../../src/explore/replay.ts';
import type { Board } from '../../src/hardware/board.ts';
import { boardPresets } from '../../src/hardware/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { heldUpCpu, repaint, twins } from '../../src/scenario/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function small(cpus: number): Board {
  const resized = resizeBoard(boardPresets.get('tiny-2')!, { cpus });
  if (!resized.ok) throw new Error(resized.problems.join('; '));
  return resized.board;
}

function exploration(scenario: Scenario, more: Partial<Exploration> = {}): Exploration {
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  return { board: small(3), scenario, kernel, work: briefWork, mostPoints: 20_000, ...more };
}

const TAME: Decide = { next: () => 0, chance: () => 0 };

describe('one thread for all CPUs', () => {
  it.each([repaint, heldUpCpu])('runs $name to a good end, however it is scheduled', (scenario) => {
    for (const seed of SEEDS) {
      const { verdict, violations } = interleave(exploration(scenario), randomly(seed));
      expect([verdict, violations]).toEqual(['good', []]);
    }
  });

  it.each(twins)('catches $name by name, on every seed', (scenario) => {
    for (const seed of SEEDS) {
      const { verdict, violations } = interleave(exploration(scenario), randomly(seed));
      expect([verdict, violations[0]?.property]).toEqual(['violated', scenario.expect]);
    }
  });

  it('reaches the danger on every seed: a TLB holds a block and a page for one address', () => {
    for (const seed of SEEDS) {
      const { counts } = interleave(exploration(repaint), randomly(seed));
      expect(counts.bothSizesCached).toBeGreaterThan(0);
    }
  });

  it('goes on with the CPU that went last when every decision is tame', () => {
    const run = interleave(exploration(repaint), TAME);
    expect(run.verdict).toBe('good');
    expect(run.decisions.every(({ answer }) => answer === 0)).toBe(true);
    expect(run.counts.speculativeWalks).toBe(0);
  });

  it('says that a run was given up, and does not call it good', () => {
    const { verdict, points } = interleave(exploration(repaint, { mostPoints: 100 }), randomly(1));
    expect([verdict, points]).toEqual(['inconclusive', 100]);
  });

  it('names who waits for what when nobody can go on', () => {
    const flagStartsAtZero = twins.find(({ expect: property }) => property === 'deadlock')!;
    const [violation] = interleave(exploration(flagStartsAtZero), randomly(1)).violations;
    expect(violation!.message).toMatch(/CPU 0 waits for the repaint flag to reach 3/);
  });
});

describe('a recorded run', () => {
  it.each(twins)('of $name comes out the same, violation for violation', (scenario) => {
    const first = interleave(exploration(scenario), randomly(7));
    const again = interleave(exploration(scenario), replaying(first.decisions));
    expect(again.violations).toEqual(first.violations);
    expect(again.points).toBe(first.points);
    expect(again.decisions).toEqual(first.decisions);
  });

  it('of another board is refused, not misread', () => {
    const { decisions } = interleave(exploration(repaint), randomly(7));
    const other = exploration(repaint, { board: small(2) });
    expect(() => interleave(other, replaying(decisions))).toThrow(Diverged);
  });

  it('depends on nothing but its decisions', () => {
    const [one, other] = [5, 6].map((seed) => interleave(exploration(repaint), randomly(seed)).decisions);
    expect(one).not.toEqual(other);
  });
});

it('an answer outside the question is a fault of whoever decides', () => {
  const wild: Decide = { next: () => 9, chance: () => 0 };
  expect(() => interleave(exploration(repaint), wild)).toThrow(/a decision among 2 was answered by 9/);
});
