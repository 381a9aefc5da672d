import { describe, expect, test } from 'vitest';
import { DANGERS, discovery, situationsOf } from '../../../src/explore/coverage/discovery.ts';
import { type Interleaver, interleaverOf } from '../../../src/explore/interleaver.ts';
import { TAME } from '../../../src/explore/replay.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import { repaint } from '../../../src/scenario/repaint/repaint.ts';

function explorer(): Interleaver {
  return interleaverOf({
    board: boardPresets.get('one-block')!,
    scenario: repaint,
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'brought-up',
    mostPoints: 20_000,
  });
}

describe('what a run has met', () => {
  test('is new once: the same run again meets nothing', () => {
    const interleaver = explorer();
    const met = situationsOf(interleaver);
    interleaver.run(randomly(1));
    expect(met().news.length).toBeGreaterThan(20);
    interleaver.run(randomly(1));
    expect(met().news).toEqual([]);
  });

  test('is another order of milestones, not another order of everything', () => {
    const interleaver = explorer();
    const met = situationsOf(interleaver);
    const counts = Array.from({ length: 300 }, (_, seed) => {
      interleaver.run(randomly(seed));
      return met().news.length;
    });
    const early = counts.slice(0, 10).reduce((sum, count) => sum + count, 0);
    const late = counts.slice(-100).reduce((sum, count) => sum + count, 0);
    expect(early).toBeGreaterThan(40);
    expect(late).toBeLessThan(early / 10);
  });

  test('names the dangers that the run reached', () => {
    const interleaver = explorer();
    const met = situationsOf(interleaver);
    const both = DANGERS.findIndex(({ name }) => name === 'both-sizes-cached');
    interleaver.run(TAME);
    expect(met().dangers[both]).toBe(false);
    const reached = Array.from({ length: 20 }, (_, seed) => {
      interleaver.run(randomly(seed));
      return [met().dangers[both], interleaver.counts().bothSizesCached > 0];
    });
    expect(reached.some(([said]) => said)).toBe(true);
    for (const [said, counted] of reached) expect(said).toBe(counted);
  });
});

describe('a discovery curve', () => {
  test('counts each situation once, at powers of ten and at the end', () => {
    const { add, curve } = discovery();
    add(0, [1, 2]);
    add(3, [2, 3]);
    add(3, [3]);
    add(40, [4, 5, 6]);
    expect(curve(45)).toEqual([
      { schedules: 1, situations: 2 },
      { schedules: 10, situations: 3 },
      { schedules: 45, situations: 6 },
    ]);
    expect(curve(1)).toEqual([{ schedules: 1, situations: 2 }]);
    expect(curve(0)).toEqual([]);
  });

  test('says which share of the last tenth met something new', () => {
    const { add, lastTenth } = discovery();
    for (let schedule = 0; schedule < 100; schedule++) add(schedule, [schedule < 95 ? schedule : 0]);
    expect(lastTenth(100)).toBe(0.5);
    expect(lastTenth(9)).toBe(1); // nobody has looked long enough
  });
});
