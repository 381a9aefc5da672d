import { describe, expect, test } from 'vitest';
import { type Interleaver, interleaverOf } from '../../../src/explore/interleaver.ts';
import { pct, stepsOf } from '../../../src/explore/strategy/pct.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import { execmem } from '../../../src/scenario/execmem/execmem.ts';
import { execmemBugs } from '../../../src/scenario/execmem/execmem-bugs.ts';
import { collapseBesideWalk, execmemPair } from '../../../src/scenario/execmem/execmem-pair.ts';
import { execmemMixed, execmemPageMapped, execmemTwins } from '../../../src/scenario/execmem/execmem-twins.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';

/** Whoever explores these gives them more points than a repaint takes: modules of a whole PMD come and go. */
const MOST_POINTS = 100_000;

function explorer(scenario: Scenario): Interleaver {
  const board = resizedBoard(scenario.board as Board, { cpus: 4 });
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  const exploration = { board, scenario, kernel, work: briefWork, mostPoints: MOST_POINTS };
  return interleaverOf({ ...exploration, from: 'brought-up' });
}

describe.each([execmem, execmemMixed, execmemPageMapped, execmemPair])('$name', (scenario) => {
  test('violates nothing, and comes to an end', () => {
    const interleaver = explorer(scenario);
    for (const strategy of [uniform(1), pct({ seed: 1, cpus: 4, depth: 3, steps: stepsOf(interleaver) })]) {
      const { found, givenUp } = search(interleaver, strategy, 0, 4);
      expect(found?.run.violations).toBeUndefined();
      expect(givenUp).toBe(0);
    }
  });
});

test('execmem holds both sizes of the block in TLBs, each time', () => {
  const interleaver = explorer(execmem);
  let dangerous = 0;
  search(interleaver, uniform(2), 0, 3, () => {
    if (interleaver.counts().bothSizesCached > 0) dangerous++;
  });
  expect(dangerous).toBe(3);
});

test.each([...execmemTwins, collapseBesideWalk])('$name is caught by $expect, and by nothing else first', (twin) => {
  const interleaver = explorer(twin);
  const steps = stepsOf(interleaver);
  for (const strategy of [uniform(1), pct({ seed: 1, cpus: 4, depth: 3, steps })]) {
    const { found } = search(interleaver, strategy, 0, 50);
    expect(found?.run.violations[0]?.property).toBe(twin.expect);
  }
});

test('every twin is a bug that is told of', () => {
  const told = execmemBugs.flatMap(({ act }) => ('bad' in act ? [act.bad] : []));
  expect(new Set(told)).toEqual(new Set([...execmemTwins, collapseBesideWalk]));
});
