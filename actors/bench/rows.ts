import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { GiB } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { readMissing, readRandomPages } from '../../src/hardware/instruction/burst.ts';
import { CONTROL_STOP } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { handleOf, type Machine } from '../../src/hardware/system.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';
import { runBoard } from '../thread/board-run.ts';
import { openRack } from '../thread/rack.ts';
import { BASE_VA, bareCpu, bareMachine, TABLES } from './bare-machine.ts';
import type { Companion } from './bench-worker.ts';
import { exploreRepaint } from './explore.ts';
import { splitGigabyte } from './split.ts';

/** One figure: measured a number of times. `bar`: what the design asks for, `atLeast` or `atMost` it. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly what: string;
  readonly bar: number;
  readonly better: 'higher' | 'lower';
  /** Samples of one run each. */
  readonly measure: (runs: number) => Promise<readonly number[]>;
}

const MILLION = 1e6;

/** Runs `once` (which does `operations` operations) for warm-up and then `runs` times; answers in millions a second. */
function rates(runs: number, operations: number, once: () => void): number[] {
  for (let i = 0; i < 3; i++) once();
  return Array.from({ length: runs }, () => {
    const began = performance.now();
    once();
    return operations / (performance.now() - began) / 1000;
  });
}

function runToEnd(program: Op): void {
  while (!program.next().done);
}

/** TLBI VAE1IS; DSB ISH; ISB, again and again. */
function invalidations(machine: Machine, count: number): () => void {
  const cpu = bareCpu(machine, 0);
  const operands = Array.from({ length: 256 }, (_, i) => encodeVaOperand(BASE_VA + i * 4096));
  function* program(): Op {
    for (let i = 0; i < count; i++) {
      yield* tlbi(cpu, 'vae1is', operands[i & 255]!);
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    }
  }
  return () => runToEnd(program());
}

/** Measures CPU 0 while the other CPUs are busy or parked in threads of their own. */
async function inCompany(
  role: Companion['role'],
  others: number,
  measure: (machine: Machine) => number[],
): Promise<number[]> {
  const machine = bareMachine(1 + others);
  const entry = new URL(import.meta.url.endsWith('.ts') ? './bench-worker.ts' : './bench-worker.js', import.meta.url);
  const workers = Array.from({ length: others }, (_, i) => {
    const workerData: Companion = { machine: handleOf(machine), cpu: i + 1, role };
    return new Worker(entry, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 2 } });
  });
  try {
    await Promise.all(workers.map((worker) => new Promise((ready) => worker.once('message', ready))));
    return measure(machine);
  } finally {
    Atomics.store(machine.memory.control, CONTROL_STOP, 1);
    Atomics.notify(machine.memory.control, CONTROL_STOP);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

async function boards192(
  runs: number,
  figure: (outcome: Awaited<ReturnType<typeof runBoard>>) => number,
): Promise<number[]> {
  const board = resizedBoard(boardPresets.get('ampereone-192-mixed')!, { cpus: 192, memoryBytes: 256 * GiB });
  const samples: number[] = [];
  for (let i = 0; i < runs; i++) {
    const rack = await openRack();
    const outcome = await runBoard(rack, {
      board,
      scenario: repaint,
      reference: { name: repaint.name },
      kernel: DEFAULT_CONFIG,
      seed: i,
      noisy: false,
      stallMs: 30_000,
    });
    await rack.close();
    if (outcome.verdict !== 'good') throw new Error(`the 192-CPU board ended ${outcome.verdict}: ${outcome.reason}`);
    samples.push(figure(outcome));
  }
  return samples;
}

const COMMAND = fileURLToPath(new URL('../../bin/asymmu.js', import.meta.url));

export const rows: readonly Row[] = [
  {
    name: 'explore.repaint4.points',
    unit: 'M/s',
    what: 'points of random schedules of the repaint on 4 CPUs, all checks on, one core',
    bar: 1,
    better: 'higher',
    measure: async (runs) => exploreRepaint(runs).map(({ points }) => points / MILLION),
  },
  {
    name: 'explore.repaint4.schedules',
    unit: '/s',
    what: 'complete schedules of the same',
    bar: 10_000,
    better: 'higher',
    measure: async (runs) => exploreRepaint(runs).map(({ schedules }) => schedules),
  },
  {
    name: 'threads.hit',
    unit: 'M/s',
    what: 'accesses that hit the TLB, random pages, one CPU',
    bar: 50,
    better: 'higher',
    measure: async (runs) => {
      const cpu = bareCpu(bareMachine(1), 0);
      return rates(runs, 4 * MILLION, () => readRandomPages(cpu, BASE_VA, 256, 4 * MILLION, 77));
    },
  },
  {
    name: 'threads.miss',
    unit: 'M/s',
    what: 'misses with a four-level walk and a refill, one CPU',
    bar: 10,
    better: 'higher',
    measure: async (runs) => {
      const cpu = bareCpu(bareMachine(1, 1), 0); // a walk cache of one table: the walk of the next one starts at the root
      return rates(runs, MILLION, () => readMissing(cpu, BASE_VA, TABLES, MILLION, 77));
    },
  },
  {
    name: 'threads.tlbi.busy3',
    unit: 'M/s',
    what: 'TLBI VAE1IS; DSB ISH; ISB with 3 busy CPUs',
    bar: 1,
    better: 'higher',
    measure: (runs) => inCompany('busy', 3, (machine) => rates(runs, 200_000, invalidations(machine, 200_000))),
  },
  {
    name: 'threads.tlbi.parked191',
    unit: 'M/s',
    what: 'TLBI VAE1IS; DSB ISH; ISB with 191 parked CPUs',
    bar: 0.3,
    better: 'higher',
    measure: (runs) => inCompany('parked', 191, (machine) => rates(runs, 100_000, invalidations(machine, 100_000))),
  },
  {
    name: 'split.1gib',
    unit: 'M PTE/s',
    what: 'split of a 1 GiB linear map from 2M blocks to 4K pages',
    bar: 250,
    better: 'higher',
    measure: async (runs) => splitGigabyte(runs),
  },
  {
    name: 'board.192',
    unit: 's',
    what: '192 CPUs, 256 GiB, asymmetric repaint on threads, from the first worker to the verdict',
    bar: 15,
    better: 'lower',
    measure: (runs) => boards192(Math.min(runs, 3), ({ durationMs }) => durationMs / 1000),
  },
  {
    name: 'board.192.repaint',
    unit: 's',
    what: 'the repaint itself on that board: 131 072 blocks to 67 million pages',
    bar: 1,
    better: 'lower',
    measure: (runs) => boards192(Math.min(runs, 3), ({ phases }) => (phases.repaint ?? Number.NaN) / 1000),
  },
  {
    name: 'worker.start',
    unit: 'ms',
    what: 'start of one of 16 workers, ready for its first call',
    bar: 40,
    better: 'lower',
    measure: async (runs) => {
      const samples: number[] = [];
      for (let i = 0; i < runs; i++) {
        const rack = await openRack();
        const began = performance.now();
        await Promise.all(Array.from({ length: 16 }, (_, cpu) => rack.slot(cpu).api.ping()));
        samples.push((performance.now() - began) / 16);
        await rack.close();
      }
      return samples;
    },
  },
  {
    name: 'cli.help',
    unit: 'ms',
    what: 'the whole command `asymmu --help`',
    bar: 150,
    better: 'lower',
    measure: async (runs) =>
      Array.from({ length: runs + 1 }, () => {
        const began = performance.now();
        spawnSync(process.execPath, [COMMAND, '--help']);
        return performance.now() - began;
      }).slice(1),
  },
];
