import type { Cpu } from '../../hardware/cpu.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';

/**
 * CPU 0 has made something, and waits until all others have used it, turn after turn. Here the waiting is part of the program: it
 * goes through words of the kernel's data, as a kernel hands on a pointer and counts references, and stands in the trace.
 */

const TURN = 0;
const NEWS = 8;
const USES = 16;
const word = ({ symbols }: Kernel, which: number): number => symbols.scenarioPage + which;

/** The `turn`th turn begins, counted from 1. `news`: a number that the others need to know. */
export function* handOver(cpu: Cpu, k: Kernel, turn: number, news: number): Op {
  yield* store(cpu, word(k, NEWS), BigInt.asUintN(64, BigInt(news)));
  yield* store(cpu, word(k, TURN), BigInt(turn));
}

/** Returns when all others have used what was handed over up to `turn`. */
export function* awaitUses(cpu: Cpu, k: Kernel, turn: number): Op {
  const others = (yield* load(cpu, k.symbols.variables.num_online_cpus)) - 1n;
  yield* awaitWord(cpu, k, USES, others * BigInt(turn), 'the others to be done with what they were given');
}

/** Returns when this turn has begun: its news. */
export function* awaitTurn(cpu: Cpu, k: Kernel, turn: number): Op<number> {
  yield* awaitWord(cpu, k, TURN, BigInt(turn), 'CPU 0 to hand something over');
  return Number(BigInt.asIntN(64, yield* load(cpu, word(k, NEWS))));
}

/** Does something else until this turn has begun, but not for ever. */
export function* workUntil(cpu: Cpu, k: Kernel, turn: number, work: (cpu: Cpu, k: Kernel) => Op): Op {
  for (let time = 0; time < MOST_TIMES && !(yield* hasBegun(cpu, k, turn)); time++) yield* work(cpu, k);
}
const MOST_TIMES = 4;

/** Whether this turn has begun. */
export function* hasBegun(cpu: Cpu, k: Kernel, turn: number): Op<boolean> {
  return (yield* load(cpu, word(k, TURN))) >= BigInt(turn);
}

/** This CPU is done with what it was given. */
export function* haveUsed(cpu: Cpu, k: Kernel): Op {
  yield* loadAdd(cpu, word(k, USES), 1n);
}

function* awaitWord(cpu: Cpu, k: Kernel, which: number, wanted: bigint, reason: string): Op {
  for (;;) {
    const value = yield* load(cpu, word(k, which));
    if (value >= wanted) return;
    yield* relaxWhile(cpu, word(k, which), value, reason);
  }
}
