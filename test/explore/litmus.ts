import { type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { bounded, type PreemptionBounds } from '../../src/explore/strategy/bounded.ts';
import { type Bounds, exhaustive, NO_BOUNDS } from '../../src/explore/strategy/exhaustive.ts';
import { search } from '../../src/explore/strategy/search.ts';
import type { Exhaustive } from '../../src/explore/strategy/tree-search.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { dsb } from '../../src/hardware/instruction/barrier.ts';
import { compareAndSwap, load, loadAdd, store } from '../../src/hardware/instruction/load-store.ts';
import { relaxWhile } from '../../src/hardware/instruction/wait.ts';
import type { Op } from '../../src/hardware/op.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { type Kernel, VARIABLES, variablePa } from '../../src/kernel/kernel.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import type { Program } from '../../src/scenario/scenario.ts';

/** Classical small programs on bare CPUs, translation off, and what all their schedules come to. */

/** A program that leaves what it has seen in registers of its own. */
export type Litmus = (cpu: Cpu, k: Kernel, registers: number[]) => Op;

export interface Everything {
  readonly classes: number;
  readonly redundant: number;
  readonly finished: boolean;
  readonly outcomes: readonly string[];
}

/** A word of memory of the kind that everybody sees at once; different `which` do not touch. */
export function word(k: Kernel, which: number): number {
  return variablePa(k, VARIABLES[which]!);
}

/** A word of a page table, whose stores are buffered; different `which` are in different tables. */
export function entry(k: Kernel, which: number): number {
  return k.symbols.idmapTables[which]!;
}

export function litmus(programs: readonly Litmus[]): { interleaver: Interleaver; outcome: () => string } {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus: Math.max(2, programs.length) });
  const registers: number[][] = programs.map(() => []);
  const bare = (id: number): Program =>
    function* (cpu, k) {
      registers[id]!.length = 0;
      yield* programs[id]!(cpu, k, registers[id]!);
    };
  const scenario = { name: 'litmus', summary: 'a small program', board: 'one-block', expect: 'good' };
  const interleaver = interleaverOf({
    board: { ...board, cpus: board.cpus.slice(0, programs.length) },
    scenario,
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'power-on',
    bare,
    mostPoints: 1000,
  });
  return { interleaver, outcome: () => registers.flat().join(' ') };
}

export function runAll(programs: readonly Litmus[], bounds: Bounds = NO_BOUNDS): Everything {
  const { interleaver, outcome } = litmus(programs);
  return everything(interleaver, outcome, exhaustive(interleaver, bounds));
}

export function runBounded(programs: readonly Litmus[], bounds: Partial<PreemptionBounds>): Everything {
  const { interleaver, outcome } = litmus(programs);
  return everything(interleaver, outcome, bounded(interleaver, { ...NO_BOUNDS, preemptions: Infinity, ...bounds }));
}

function everything(interleaver: Interleaver, outcome: () => string, strategy: Exhaustive): Everything {
  const outcomes = new Set<string>();
  const { found, exhausted } = search(interleaver, strategy, 0, 100_000, ({ cut }) => {
    if (!cut) outcomes.add(outcome());
  });
  if (found !== undefined) throw new Error(found.run.violations[0]!.message);
  return {
    classes: strategy.complete(),
    redundant: strategy.redundant(),
    finished: exhausted,
    outcomes: [...outcomes].sort(),
  };
}

/** `steps` atomic additions to a word of its own, or to one that all share. */
export function adder(steps: number, shared: boolean): Litmus {
  return function* (cpu, k) {
    for (let i = 0; i < steps; i++) yield* loadAdd(cpu, word(k, shared ? 0 : cpu.id), 1n);
  };
}

/** Stores to an entry of its own, then loads the other's. */
export function storeBuffering(barrier: boolean): Litmus {
  return function* (cpu, k, registers) {
    yield* store(cpu, entry(k, cpu.id), 1n);
    if (barrier) yield* dsb(cpu, 'ish');
    registers.push(Number(yield* load(cpu, entry(k, 1 - cpu.id))));
  };
}

/** CPU 0 writes an entry and says so in a flag; CPU 1 looks at the flag, then at the entry. */
export function messagePassing(barrier: boolean): Litmus {
  return function* (cpu, k, registers) {
    if (cpu.id === 0) {
      yield* store(cpu, entry(k, 0), 1n);
      if (barrier) yield* dsb(cpu, 'ishst');
      yield* store(cpu, word(k, 0), 1n);
    } else {
      registers.push(Number(yield* load(cpu, word(k, 0))));
      registers.push(Number(yield* load(cpu, entry(k, 0))));
    }
  };
}

/** Adds one to a counter by a load and a store, under a lock or not; the last to finish leaves what the counter holds. */
export function increment(locked: boolean): Litmus {
  return function* (cpu, k, registers) {
    const lock = word(k, 0);
    const counter = word(k, 1);
    if (locked) while ((yield* compareAndSwap(cpu, lock, 0n, 1n)) !== 0n) yield* relaxWhile(cpu, lock, 1n, 'the lock');
    const before = yield* load(cpu, counter);
    yield* store(cpu, counter, before + 1n);
    if (locked) yield* store(cpu, lock, 0n);
    registers.push(Number(before));
  };
}
