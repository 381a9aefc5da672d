import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ExplorationPlan } from '../../actors/campaign/exploration.ts';
import { type SearchRequest, type SearchResult, searchOnPool } from '../../actors/campaign/search-pool.ts';
import { librarySource } from '../../actors/thread/scenario-loader.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { folderWith } from '../folder-with.ts';

/** CPU 1 flips a word that CPU 0 must not find flipped at one moment: some schedules in a hundred show it. */
const rare = folderWith({
  'rare.ts': `import { atRest, defineScenario, load, store, type Cpu, type Kernel } from 'asymmu';
const word = (k: Kernel) => k.symbols.variables.cpu_stop_done;
let met = false;
export default defineScenario({
  name: 'rare', summary: 'a window of one point', board: 'one-block',
  programs: (cpu) => cpu === 0
    ? function* (c: Cpu, k: Kernel) {
        met = false;
        for (let i = 0; i < 5; i++) yield* store(c, word(k), 0n);
        const before = yield* load(c, word(k));
        const after = yield* load(c, word(k));
        met = before === 1n && after === 2n;
      }
    : function* (c: Cpu, k: Kernel) {
        for (let i = 0; i < 5; i++) yield* store(c, word(k), 3n);
        yield* store(c, word(k), 1n);
        yield* store(c, word(k), 2n);
      },
  properties: [{ name: 'unseen', says: 'nobody sees the flip', mood: 'always',
    atRest: () => (met ? [atRest('unseen', 'the flip was seen', [])] : []) }],
});
`,
  'spins.ts': `import { defineScenario } from 'asymmu';
export default defineScenario({ name: 'spins', summary: 'never comes to a point', board: 'one-block',
  programs: (cpu) => function* () { if (cpu === 1) for (;;); } });
`,
});

function small(): Board {
  return resizedBoard(boardPresets.get('one-block')!, { cpus: 2 });
}

function planOf(name: string): ExplorationPlan {
  const module = name.endsWith('.ts')
    ? { module: pathToFileURL(`${rare}/${name}`).href, library: librarySource() }
    : {};
  return {
    reference: { name, ...module },
    board: small(),
    kernel: DEFAULT_CONFIG,
    from: 'brought-up',
    mostPoints: 20_000,
    charts: 'tables',
  };
}

function searched(name: string, more: Partial<SearchRequest> = {}): Promise<SearchResult> {
  return searchOnPool({
    exploration: planOf(name),
    strategy: 'random',
    options: { seed: 3, depth: 3, preemptions: 2, acts: 0, chances: 0 },
    keepGoing: false,
    coverage: false,
    schedules: 400,
    jobs: 1,
    signal: new AbortController().signal,
    ...more,
  });
}

/** All that must not depend on how many workers did it. */
function essence({ ended, schedules, points, givenUp, found, dangers, discovery }: SearchResult): unknown {
  const curve = discovery.curve(schedules);
  return { ended, schedules, points, givenUp, found, dangers, curve, lastTenth: discovery.lastTenth(schedules) };
}

describe('a search that is shared out over workers', () => {
  test('comes to the same with one and with three, when something is found', async () => {
    // A seed whose first failure is past the first range: workers have a chance to be ahead of each other.
    for (let seed = 1; seed <= 20; seed++) {
      const options = { seed, depth: 3, preemptions: 2, acts: 0, chances: 0 };
      const alone = await searched('rare.ts', { options });
      expect(alone.ended).toBe('violation');
      const index = alone.found[0]!.index;
      if (index <= 32) continue;
      expect(alone.schedules).toBe(index + 1);
      expect(essence(await searched('rare.ts', { options, jobs: 3 }))).toEqual(essence(alone));
      return;
    }
    expect.fail('every seed fails in the first range');
  });

  test('and when nothing is, by PCT', async () => {
    const alone = await searched('rare.ts', { strategy: 'pct' });
    expect([alone.ended, alone.schedules, alone.found]).toEqual(['schedules', 400, []]);
    expect(essence(await searched('rare.ts', { strategy: 'pct', jobs: 2 }))).toEqual(essence(alone));
  });

  test('and when it goes on after what it found', async () => {
    const alone = await searched('rare.ts', { keepGoing: true });
    expect(alone.schedules).toBe(400);
    expect(alone.found.length).toBeGreaterThan(1);
    const together = await searched('rare.ts', { keepGoing: true, jobs: 2 });
    expect(essence(together)).toEqual(essence(alone));
  });
});

describe('a search ends', () => {
  test('when there is nothing left to try: the flip takes three preemptions', async () => {
    const { ended, schedules, found } = await searched('rare.ts', { strategy: 'bounded', schedules: 100_000 });
    expect([ended, found]).toEqual(['exhausted', []]);
    expect(schedules).toBeLessThan(10_000);
    const more = { seed: 2, depth: 3, preemptions: 3, acts: 0, chances: 0 };
    const deeper = await searched('rare.ts', { strategy: 'bounded', schedules: 100_000, options: more });
    expect([deeper.ended, deeper.found[0]?.run.violations[0]?.property]).toEqual(['violation', 'unseen']);
  });

  test('when its time is over, and counts what it has run', async () => {
    const { ended, schedules, elapsedMs } = await searched('repaint', { schedules: 1_000_000, forMs: 1500 });
    expect(ended).toBe('time');
    expect(schedules).toBeGreaterThan(0);
    expect(elapsedMs).toBeLessThan(6000);
  });

  test('when somebody interrupts it', async () => {
    const stop = new AbortController();
    const ended = searched('repaint', {
      schedules: 1_000_000,
      signal: stop.signal,
      onProgress: ({ schedules }) => schedules > 0 && stop.abort(),
    });
    expect((await ended).ended).toBe('interrupted');
  });

  test('at the schedule in which a program never comes to a point', async () => {
    const { ended, hung } = await searched('spins.ts', { hungAfterMs: 1500 });
    expect([ended, hung]).toEqual(['hung', 0]);
  });

  test('with the error of a module that cannot be loaded', async () => {
    await expect(searched('missing.ts')).rejects.toThrow(/missing\.ts/);
  });
});
