import { expect, it } from 'vitest';
import { explorerOf } from '../../actors/campaign/exploration.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { heldUpCpu, repaint } from '../../src/scenario/repaint/repaint.ts';

const MILLION = 1_000_000;

it.each([repaint, heldUpCpu])(
  '$name is good on four CPUs in a million random schedules, most of them dangerous',
  (scenario) => {
    const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 4 });
    const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
    const reference = { name: scenario.name };
    const plan = {
      reference,
      board,
      kernel,
      from: 'brought-up',
      mostPoints: 10_000,
      charts: 'tables',
    } as const;
    const interleaver = explorerOf(plan, scenario);
    let dangerous = 0;
    const { schedules, givenUp, found } = search(interleaver, uniform(1), 0, MILLION, () => {
      if (interleaver.counts().bothSizesCached > 0) dangerous++;
    });
    expect([schedules, givenUp, found?.run.violations]).toEqual([MILLION, 0, undefined]);
    expect(dangerous).toBeGreaterThan(MILLION / 2);
  },
);
