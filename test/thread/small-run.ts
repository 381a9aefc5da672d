import { afterAll } from 'vitest';
import { type RunOutcome, type RunRequest, runBoard } from '../../actors/thread/board-run.ts';
import { openRack, type Rack } from '../../actors/thread/rack.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { type BoardSize, resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG, type KernelConfig } from '../../src/kernel/config.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Whole boots on real threads, on boards so small that dozens of them fit into one test. */

const SMALL: BoardSize = { cpus: 4, memoryBytes: 256 * 2 ** 20 };

/** A board by its name, or one that a scenario brings along, in a small size. */
export function smallBoard(board: string | Board, size: BoardSize = {}): Board {
  const whole = typeof board === 'string' ? boardPresets.get(board)! : board;
  return resizedBoard(whole, { ...SMALL, ...size });
}

export interface SmallRun {
  readonly seed?: number;
  readonly board?: Board;
  readonly kernel?: Partial<KernelConfig>;
  /** file: URL of the module that exports the scenario, for one that the catalogue does not have. */
  readonly module?: string;
  readonly stallMs?: number;
  readonly signal?: AbortSignal;
}

/** One set of workers for all runs of a test file. */
export function sharedRack(): (scenario: Scenario, how?: SmallRun) => Promise<RunOutcome> {
  let rack: Promise<Rack> | undefined;
  afterAll(async () => (await rack)?.close());
  return async (scenario, { seed = 1, board, kernel, module, stallMs = 1500, signal } = {}) => {
    rack ??= openRack();
    const request: RunRequest = {
      board: board ?? smallBoard(scenario.board),
      scenario,
      reference: { name: scenario.name, ...(module === undefined ? {} : { module }) },
      kernel: { ...DEFAULT_CONFIG, ...scenario.kernel, ...kernel },
      seed,
      noisy: true,
      stallMs,
      ...(signal === undefined ? {} : { signal }),
    };
    return runBoard(await rack, request);
  };
}

/** Which properties spoke up, each once, and what was said: what a failing assertion should show. */
export function properties({ violations }: RunOutcome): string[] {
  return [...new Set(violations.map(({ property }) => property))];
}

export function complaints({ violations }: RunOutcome): string[] {
  return violations.map(({ property, cpu, message }) => `${property} (CPU ${cpu}): ${message}`);
}
