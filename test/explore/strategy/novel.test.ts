import { describe, expect, test } from 'vitest';
import { type Cell, collected } from '../../../src/explore/coverage/coverage.ts';
import { replaying } from '../../../src/explore/replay.ts';
import { novel } from '../../../src/explore/strategy/novel.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import type { Strategy } from '../../../src/explore/strategy/search.ts';
import { repaint } from '../../../src/scenario/repaint/repaint.ts';
import { type Covered, covered } from '../covered.ts';

/** Runs the first schedules of a strategy; answers their decisions. */
function answersOf({ interleaver, collector }: Covered, strategy: Strategy, schedules: number): string[] {
  const { decide, acted } = collected(strategy, collector);
  return Array.from({ length: schedules }, (_, i) => {
    const run = interleaver.run(decide(i)!, acted);
    expect(run.verdict).toBe('good');
    return run.decisions.answers.join();
  });
}

describe('a search that steers towards empty cells', () => {
  test('is the same search again for the same seed, and another one for another', () => {
    const searched = (seed: number): string[] => {
      const subject = covered(repaint);
      return answersOf(subject, novel(seed, subject.collector), 40);
    };
    expect(searched(3)).toEqual(searched(3));
    expect(searched(3)).not.toEqual(searched(4));
  });

  test('takes up beginnings that came to a cell, and goes on in other ways', () => {
    const subject = covered(repaint);
    const runs = answersOf(subject, novel(1, subject.collector), 60).map((answers) => answers.split(','));
    const common = (one: readonly string[], other: readonly string[]): number => {
      const at = one.findIndex((answer, i) => answer !== other[i]);
      return at < 0 ? one.length : at;
    };
    const longest = runs.map((run, i) => Math.max(0, ...runs.slice(0, i).map((before) => common(run, before))));
    expect(longest.filter((decisions) => decisions > 40).length).toBeGreaterThan(10);
    expect(longest.filter((decisions) => decisions < 20).length).toBeGreaterThan(10);
    expect(new Set(runs.map(String)).size).toBe(runs.length);
  });

  test('decides schedules that can be made again from what was decided', () => {
    const subject = covered(repaint);
    const { decide, acted } = collected(novel(5, subject.collector), subject.collector);
    for (let i = 0; i < 30; i++) {
      const run = subject.interleaver.run(decide(i)!, acted);
      expect(subject.interleaver.run(replaying(run.decisions))).toEqual(run);
    }
  });
});

test('a strategy that is told of acts by itself goes on to be, when somebody collects', () => {
  const subject = covered(repaint);
  let acts = 0;
  let cells = 0;
  subject.collector.listen((_: Cell) => cells++);
  answersOf(subject, { ...uniform(1), acted: () => acts++ }, 1);
  expect(acts).toBeGreaterThan(100);
  expect(cells).toBeGreaterThan(20);
});
