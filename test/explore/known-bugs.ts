import { atRest, type Property } from '../../src/check/violation.ts';
import type { Exploration } from '../../src/explore/interleaver.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { dsb } from '../../src/hardware/instruction/barrier.ts';
import { halt } from '../../src/hardware/instruction/exception.ts';
import { load, store } from '../../src/hardware/instruction/load-store.ts';
import { read } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { type Kernel, mark, variablePa } from '../../src/kernel/kernel.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { defineScenario, type Program, type Scenario } from '../../src/scenario/scenario.ts';

/** Bugs whose smallest failing run is known, on the board that the explorer searches. */

export function oneBlock(cpus: number): Board {
  return resizedBoard(boardPresets.get('one-block')!, { cpus });
}

export function explorationOf(scenario: Scenario, cpus = 4): Exploration {
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  return { board: oneBlock(cpus), scenario, kernel, work: briefWork, from: 'brought-up', mostPoints: 20_000 };
}

export const nothing: Program = function* () {};

function scenario(name: string, programs: (cpu: number) => Program, properties: readonly Property[] = []): Scenario {
  return defineScenario({ name, summary: name, board: 'one-block', programs, properties });
}

/** A word that nothing else uses once the system runs. */
const counter = (k: Kernel): number => k.symbols.variables.panic_cpu;

function* increment(cpu: Cpu, k: Kernel): Op {
  yield* store(cpu, counter(k), (yield* load(cpu, counter(k))) + 1n);
}

const everyIncrementCounts: Property = {
  name: 'lost-update',
  says: 'every increment counts',
  mood: 'always',
  atRest({ memory }, k) {
    const sum = read(memory, variablePa(k, 'panic_cpu'));
    const made = BigInt(k.board.cpus.filter((_, cpu) => increments(cpu)).length);
    return sum === made ? [] : [atRest('lost-update', `${made} increments made ${sum}`, [])];
  },
};

const increments = (cpu: number): boolean => cpu === 1 || cpu === 2;

/** CPUs 1 and 2 increment a word without a lock: one preemption, of either between load and store, and 3 CPUs. */
export const lostUpdate = scenario('lost-update', (cpu) => (increments(cpu) ? increment : nothing), [
  everyIncrementCounts,
]);

const firstWord = (k: Kernel): number => FIXMAP + k.symbols.idmapTables.at(-1)!;

function* storeTwice(cpu: Cpu, k: Kernel): Op {
  yield* store(cpu, firstWord(k), 2n);
  yield* store(cpu, firstWord(k) + 8, 2n);
  yield* dsb(cpu, 'ishst');
}

function* loadTwice(cpu: Cpu, k: Kernel): Op {
  const second = yield* load(cpu, firstWord(k) + 8);
  const first = yield* load(cpu, firstWord(k));
  if (second === 2n && first === 0n) yield* halt(cpu, 'the second store overtook the first');
}

/**
 * CPU 0 stores to two table words, CPU 1 sees the second alone: one preemption before the DSB, one store that the hardware
 * lets go by itself, and it must be the second of two. 2 CPUs.
 */
export const overtaking = scenario('overtaking', (cpu) => [storeTwice, loadTwice][cpu] ?? nothing);

/** Panics where CPU 0 draws a 5 or more, and is unfit at rest in any case: a run may fail in either way. */
export const twoFailures = scenario(
  'two-failures',
  (cpu) =>
    cpu !== 0
      ? nothing
      : function* (self, k) {
          yield* load(self, counter(k));
          if (self.choose(8, 'program') >= 5) yield* halt(self, 'drew five or more');
        },
  [{ name: 'unfit', says: 'never', mood: 'always', atRest: () => [atRest('unfit', 'as ever', [])] }],
);

/** Loads a word up to seven times, and panics where it draws a five after its milestone: only that draw matters. */
export const drawnLate = scenario('drawn-late', (cpu) =>
  cpu !== 0
    ? nothing
    : function* (self, k) {
        for (let left = self.choose(8, 'program'); left > 0; left--) yield* load(self, counter(k));
        mark(self, 'work.started');
        yield* load(self, counter(k));
        if (self.choose(8, 'program') === 5) yield* halt(self, 'drew a five');
      },
);

/** As `overtaking` on two CPUs; a third panics whatever the others do. */
export const worseWithMore = scenario(
  'worse-with-more',
  (cpu) =>
    [storeTwice, loadTwice][cpu] ??
    function* (self) {
      yield* halt(self, 'one too many');
    },
);
