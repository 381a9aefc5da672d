import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { openRack, type Rack } from '../../actors/thread/rack.ts';
import {
  type Candidate,
  type Round,
  reusedBuffer,
  roundOf,
  type SoakOptions,
  type SoakPlan,
  soak,
} from '../../actors/thread/soak.ts';
import { boardProblems } from '../../src/hardware/board/board-check.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { layoutOf } from '../../src/hardware/memory/layout.ts';
import { cpuSupportsBbml2Noabort } from '../../src/kernel/boot/cpufeature.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { scenarioNamed } from '../../src/scenario/catalogue.ts';
import { defineScenario, type Scenario } from '../../src/scenario/scenario.ts';
import { folderWith } from '../folder-with.ts';

const folder = folderWith();
let rack: Rack;

beforeAll(async () => {
  rack = await openRack();
});
afterAll(() => rack.close());

function candidate(scenario: Scenario, boardName = scenario.board as string, module?: string): Candidate {
  return {
    scenario,
    reference: { name: scenario.name, ...(module === undefined ? {} : { module }) },
    board: boardPresets.get(boardName)!,
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
  };
}

const named = (name: string): Scenario => scenarioNamed(name)!;

function planOf(candidates: readonly Candidate[], change: Partial<SoakPlan> = {}): SoakPlan {
  return { seed: 11, candidates, drawBoards: false, drawKernel: false, fixedKernel: {}, ...change };
}

const tiny = (name: string): SoakPlan => planOf([candidate(named(name), 'tiny-2')]);
const drawing = (change: Partial<SoakPlan> = {}): SoakPlan =>
  planOf([candidate(named('repaint')), candidate(named('late-cpu'))], {
    drawBoards: true,
    drawKernel: true,
    ...change,
  });

interface Told {
  readonly rounds: Round[];
  readonly outcomes: RunOutcome[];
}

async function run(plan: SoakPlan, options: Partial<SoakOptions>, told: Told = { rounds: [], outcomes: [] }) {
  const totals = await soak(rack, plan, {
    noisy: true,
    stallMs: () => 3000,
    onRound: (round) => told.rounds.push(round),
    onOutcome: (_, outcome) => told.outcomes.push(outcome),
    ...options,
  });
  return { totals, ...told };
}

describe('the rounds of a soak', () => {
  test('are the same for the same seed, and others for another', () => {
    const rounds = (seed: number): Round[] =>
      Array.from({ length: 40 }, (_, round) => roundOf(drawing({ seed }), round));
    expect(rounds(5)).toEqual(rounds(5));
    const shapes = (list: Round[]): string[] => list.map(({ board, kernel }) => JSON.stringify({ board, kernel }));
    expect(new Set(shapes(rounds(5))).size).toBeGreaterThan(35);
    expect(shapes(rounds(5))).not.toEqual(shapes(rounds(6)));
  });

  test('take the same board whether or not the kernel is drawn, and whichever scenarios take turns', () => {
    for (let round = 0; round < 20; round += 2) {
      const { board, seed } = roundOf(drawing(), round);
      const alone = planOf([candidate(named('repaint'))], { drawBoards: true, drawKernel: true });
      expect(roundOf(drawing({ drawKernel: false }), round).board).toEqual(board);
      expect(roundOf(drawing({ fixedKernel: { rodata: 'off' } }), round)).toMatchObject({
        board,
        kernel: { rodata: 'off' },
      });
      expect(roundOf(alone, round)).toMatchObject({ board, seed });
    }
  });

  test('draw boards that are valid and have room for their page tables', () => {
    for (let round = 0; round < 300; round++) {
      const { board } = roundOf(drawing(), round);
      expect(boardProblems(board), `round ${round}`).toEqual([]);
      expect(() => layoutOf(board, tablePagesNeeded(board)), `round ${round}`).not.toThrow();
    }
  });

  test('give a scenario about late CPUs a late CPU that must be refused, among others that qualify', () => {
    for (let round = 1; round < 100; round += 2) {
      const { board, scenario, kernel } = roundOf(drawing(), round);
      expect(scenario.name).toBe('late-cpu');
      expect(kernel.kfence).toBe('late'); // what the scenario needs is not drawn
      expect(board.cpus.map((model) => cpuSupportsBbml2Noabort(model, kernel.revision))).toEqual(
        board.cpus.map((_, id) => !board.lateCpus.includes(id)),
      );
    }
  });
});

describe('a soak', () => {
  test('of good rounds is good, adds up what happened, and keeps its workers', async () => {
    const { totals, rounds, outcomes } = await run(tiny('repaint'), { rounds: 3 });
    expect(outcomes.flatMap(({ violations }) => violations)).toEqual([]);
    expect(totals).toMatchObject({ good: 3, violated: 0, inconclusive: 0, cutShort: 0, nextRound: 3, ended: 'rounds' });
    expect(new Set(rounds.map(({ seed }) => seed)).size).toBe(3);
    const accesses = outcomes.reduce((sum, { counts }) => sum + counts.accesses, 0);
    expect(totals.counts.accesses).toBe(accesses);
    expect(totals.dangers['both-sizes-cached']).toBeGreaterThan(0);
    expect(totals.boards.size).toBe(1);
  });

  test('draws boards and kernel configurations', async () => {
    const { totals, outcomes } = await run(drawing(), { rounds: 4 });
    expect(outcomes.flatMap(({ violations }) => violations)).toEqual([]);
    expect(totals).toMatchObject({ good: 4 });
    expect(totals.boards.size).toBe(4);
  });

  test('begins with the round it is told', async () => {
    const { rounds, totals } = await run(tiny('repaint'), { firstRound: 7, rounds: 2 });
    expect(rounds.map(({ round, seed }) => ({ round, seed }))).toEqual(
      [7, 8].map((round) => ({ round, seed: roundOf(tiny('repaint'), round).seed })),
    );
    expect(totals.nextRound).toBe(9);
  });

  test('ends with the first violation', async () => {
    const { totals, outcomes } = await run(tiny('repaint/no-flush'), { rounds: 5 });
    expect(totals).toMatchObject({ good: 0, violated: 1, nextRound: 1, ended: 'violation' });
    expect(outcomes[0]!.violations.map(({ property }) => property)).toContain('stale');
  });

  test('goes on after a violation if it may', async () => {
    const plan = planOf([candidate(named('repaint/no-flush'), 'tiny-2'), candidate(named('repaint'), 'tiny-2')]);
    const { totals } = await run(plan, { rounds: 4, keepGoing: true });
    expect(totals).toMatchObject({ good: 2, violated: 2, nextRound: 4, ended: 'rounds' });
  });

  test('that is interrupted stops its round and sums up what was complete', async () => {
    const controller = new AbortController();
    const { totals } = await run(tiny('repaint'), {
      signal: controller.signal,
      onRound: ({ round }) => round === 2 && controller.abort(),
    });
    expect(totals).toMatchObject({ good: 2, violated: 0, cutShort: 1, nextRound: 2, ended: 'interrupted' });
  });

  test('ends when its time is over', async () => {
    const { totals } = await run(tiny('repaint'), { forMs: 1000 });
    expect(totals).toMatchObject({ violated: 0, ended: 'time' });
    expect(totals.good).toBeGreaterThan(0);
  });

  test('runs nothing when it is interrupted before it begins', async () => {
    const { totals, rounds } = await run(tiny('repaint'), { signal: AbortSignal.abort() });
    expect(rounds).toEqual([]);
    expect(totals).toMatchObject({ good: 0, cutShort: 0, ended: 'interrupted' });
  });

  test('replaces a worker that hangs, and the next round is good', async () => {
    const file = join(folder, 'hang.mjs');
    writeFileSync(
      file,
      `export default { name: 'hang', summary: 'CPU 1 never comes back', board: 'tiny-2',
         programs: (cpu) => cpu === 1 ? function* () { for (;;); } : function* () {} };`,
    );
    const module = pathToFileURL(file).href;
    const { default: definition } = (await import(module)) as { default: Parameters<typeof defineScenario>[0] };
    const plan = planOf([
      candidate(defineScenario(definition), 'tiny-2', module),
      candidate(named('repaint'), 'tiny-2'),
    ]);
    const before = [0, 1].map((cpu) => rack.slot(cpu).worker.threadId);
    const { totals, outcomes } = await run(plan, { rounds: 2, keepGoing: true, stallMs: () => 500 });
    expect(outcomes.map(({ verdict }) => verdict)).toEqual(['violated', 'good']);
    expect(outcomes[0]!.violations.at(-1)).toMatchObject({ property: 'hung', cpu: 1 });
    expect(totals).toMatchObject({ good: 1, violated: 1 });
    const after = [0, 1].map((cpu) => rack.slot(cpu).worker.threadId);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });
});

describe('memory', () => {
  test('is one buffer for all rounds, zeroed in between, and a larger one when a round needs it', () => {
    const allocate = reusedBuffer();
    const layout = (name: string) => layoutOf(boardPresets.get(name)!, tablePagesNeeded(boardPresets.get(name)!));
    const first = allocate(layout('asymmetric-8'));
    new Uint8Array(first).fill(255, 0, layout('asymmetric-8').totalBytes);
    const second = allocate(layout('tiny-2'));
    expect(second).toBe(first);
    expect(new Uint8Array(second).every((byte) => byte === 0)).toBe(true);
    const large = allocate(layout('two-bank'));
    expect(large.byteLength).toBeGreaterThanOrEqual(layout('two-bank').totalBytes);
  });

  test('stays flat over 60 rounds', { skip: !existsSync('/proc/self/status') }, async () => {
    const uses: { virtual: number; resident: number }[] = [];
    const { totals } = await run(tiny('repaint'), {
      rounds: 60,
      keepGoing: true,
      onOutcome: () => uses.push({ virtual: statusMiB('VmSize'), resident: statusMiB('VmRSS') }),
    });
    expect(totals.nextRound).toBe(60);
    const [warm, end] = [uses[19]!, uses.at(-1)!];
    // Every machine of its own would hold on to 8 GiB of addresses: 320 GiB by the end.
    expect(end.virtual - warm.virtual).toBeLessThan(2048);
    expect(end.resident - warm.resident).toBeLessThan(96);
    for (const cpu of [0, 1])
      for (const event of ['message', 'error', 'exit'])
        expect(rack.slot(cpu).worker.listenerCount(event)).toBeLessThan(5);
  });
});

function statusMiB(key: string): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'));
  return Number(line?.[1]) / 1024;
}
