import { availableParallelism } from 'node:os';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { openRack } from '../thread/rack.ts';
import { type SoakTotals, soak } from '../thread/soak.ts';
import { eachOnPool } from './each-on-pool.ts';
import { type GoodTask, goodPlan, type Proof } from './good-worker.ts';

/** What the good scenarios have gone through: under the explorer, which takes some hours, and on threads, an hour. */

const SCHEDULES = 100_000;
const CHUNK = 10_000;
const ACTS = [0, 1] as const;
const LONGEST_TASK_MS = 3_600_000;

/** All good scenarios, or those whose names are given. */
function good(names: readonly string[]): readonly Scenario[] {
  return catalogue.filter(({ name, expect }) => expect === 'good' && (names.length === 0 || names.includes(name)));
}

/** What one good scenario went through under the explorer: random schedules, and one bounded search for each of `ACTS`. */
export interface Explored {
  readonly cpus: number;
  readonly random: Omit<Proof, 'exhausted'>;
  readonly bounded: readonly Proof[];
}

/** By name. `say` is told of each part that has been gone through. Rejects with the first complaint. */
export async function exploreGood(
  names: readonly string[],
  say: (line: string) => void,
): Promise<ReadonlyMap<string, Explored>> {
  const random = new Map<string, { schedules: number; points: number }>();
  const bounded = new Map<string, Proof[]>();
  await eachOnPool<GoodTask, Proof>({
    worker: 'good-worker',
    tasks: good(names).flatMap(tasksOf),
    jobs: availableParallelism(),
    signal: new AbortController().signal,
    longestMs: LONGEST_TASK_MS,
    onResult(task, proof) {
      if (proof === undefined) throw new Error(`${task.name} took more than ${LONGEST_TASK_MS / 60_000} minutes`);
      const { schedules, points } = proof;
      say(`${task.name}: ${task.kind}, ${schedules} schedules, ${points} points`);
      if (task.kind === 'random') {
        const before = random.get(task.name) ?? { schedules: 0, points: 0 };
        random.set(task.name, { schedules: before.schedules + schedules, points: before.points + points });
      } else {
        const proofs = bounded.get(task.name) ?? [];
        proofs[ACTS.indexOf(task.acts as (typeof ACTS)[number])] = proof;
        bounded.set(task.name, proofs);
      }
    },
  });
  return new Map(
    good(names).map((scenario) => {
      const { name } = scenario;
      const cpus = goodPlan(scenario).board.cpus.length;
      return [name, { cpus, random: random.get(name)!, bounded: bounded.get(name)! }];
    }),
  );
}

function tasksOf({ name }: Scenario): GoodTask[] {
  const chunks = Array.from({ length: SCHEDULES / CHUNK }, (_, i) => i * CHUNK);
  return [
    ...ACTS.map((acts): GoodTask => ({ name, kind: 'bounded', acts })),
    ...chunks.map((from): GoodTask => ({ name, kind: 'random', from, to: from + CHUNK })),
  ];
}

const SOAK_MS = 60_000;

/**
 * Each good scenario on threads for a minute: round after round, each with a seed, a board and a kernel of its own. By name.
 * Rejects where a round was not good.
 */
export async function soakGood(
  names: readonly string[],
  say: (line: string) => void,
): Promise<ReadonlyMap<string, SoakTotals>> {
  const totals = new Map<string, SoakTotals>();
  for (const scenario of good(names)) totals.set(scenario.name, await soaked(scenario, say));
  return totals;
}

async function soaked(scenario: Scenario, say: (line: string) => void): Promise<SoakTotals> {
  const { name, board } = scenario;
  const candidate = {
    scenario,
    reference: { name },
    board: typeof board === 'string' ? boardPresets.get(board)! : board,
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
  };
  const rack = await openRack();
  try {
    const plan = { seed: 1, candidates: [candidate], drawBoards: true, drawKernel: true, fixedKernel: {} };
    const total = await soak(rack, plan, { forMs: SOAK_MS, noisy: true, stallMs: () => STALL_MS });
    say(`${name}: ${total.good} rounds on threads`);
    if (total.violated > 0 || total.inconclusive > 0)
      throw new Error(
        `${name}: ${total.violated} rounds violated a property, ${total.inconclusive} came to no verdict`,
      );
    return total;
  } finally {
    await rack.close();
  }
}

const STALL_MS = 60_000;
