import { describe, expect, test } from 'vitest';
import { branch, NOP } from '../../src/arch/instruction.ts';
import { NO_BOUNDS } from '../../src/explore/strategy/exhaustive.ts';
import { type Barrier, dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { fetchBranch } from '../../src/hardware/instruction/branch.ts';
import { dcCvau, icIvau } from '../../src/hardware/instruction/instruction-cache.ts';
import { load, store } from '../../src/hardware/instruction/load-store.ts';
import { type Everything, type Litmus, runAll, word } from './litmus.ts';

/** Which instruction CPUs execute once it has been changed: all schedules, all chance. */

type Step = 'dc' | 'ic' | 'isb' | Barrier;

/** NOP becomes B; then the steps; then a flag says so. */
const patcher = (steps: readonly Step[]): Litmus =>
  function* (cpu, k) {
    const va = cpu.memory.textPa;
    yield* store(cpu, va, branch(4));
    for (const step of steps) {
      if (step === 'dc') yield* dcCvau(cpu, va);
      else if (step === 'ic') yield* icIvau(cpu, va);
      else if (step === 'isb') yield* isb(cpu);
      else yield* dsb(cpu, step);
    }
    yield* store(cpu, word(k, 0), 1n);
  };

/** Looks at the flag, and executes: leaves what it saw of each. */
const executor = (synchronises: boolean): Litmus =>
  function* (cpu, k, registers) {
    registers.push(Number(yield* load(cpu, word(k, 0))));
    if (synchronises) yield* isb(cpu);
    registers.push((yield* fetchBranch(cpu, cpu.memory.textPa)) ? 1 : 0);
  };

const ALL: readonly Step[] = ['dc', 'ish', 'ic', 'ish'];
/** The flag was seen, and the old instruction executed. */
const STALE = '1 0';

function run(steps: readonly Step[], synchronises: boolean, reduction: 'source-sets' | 'none'): Everything {
  return runAll([patcher(steps), executor(synchronises)], { ...NO_BOUNDS, reduction });
}

const CASES: readonly (readonly [what: string, steps: readonly Step[], synchronises: boolean, stale: boolean])[] = [
  ['all of it', ALL, true, false],
  ['no ISB of whoever executes', ALL, false, true],
  ['an ISB of whoever patches instead', [...ALL, 'isb'], false, true],
  ['no DC CVAU', ['ish', 'ic', 'ish'], true, true],
  ['no IC IVAU', ['dc', 'ish', 'ish'], true, true],
  ['no DSB between', ['dc', 'ic', 'ish'], true, true],
  ['no DSB after', ['dc', 'ish', 'ic'], true, true],
  ['a DSB for stores alone after', ['dc', 'ish', 'ic', 'ishst'], true, true],
  ['a DSB for stores alone between', ['dc', 'ishst', 'ic', 'ish'], true, true],
  ['a DSB for this CPU alone after', ['dc', 'ish', 'ic', 'nsh'], true, true],
  ['IC IVAU first', ['ic', 'ish', 'dc', 'ish'], true, true],
  ['nothing', [], true, true],
];

describe('whoever is told of a new instruction', () => {
  test.each(CASES)('%s', (_, steps, synchronises, stale) => {
    const { outcomes, finished } = run(steps, synchronises, 'source-sets');
    expect(finished).toBe(true);
    expect(outcomes).toEqual(['0 0', '0 1', ...(stale ? [STALE] : []), '1 1']);
  });

  test.each(CASES)('%s, and no act is taken to be independent of another', (_, steps, synchronises) => {
    const { outcomes, finished } = run(steps, synchronises, 'none');
    expect(finished).toBe(true);
    expect(outcomes).toEqual(run(steps, synchronises, 'source-sets').outcomes);
  });
});

/** Synchronises, and only then looks at the flag, and executes. */
const synchronisedBefore: Litmus = function* (cpu, k, registers) {
  yield* isb(cpu);
  registers.push(Number(yield* load(cpu, word(k, 0))));
  registers.push((yield* fetchBranch(cpu, cpu.memory.textPa)) ? 1 : 0);
};

test('an ISB helps whose maintenance was complete before it: that order is searched as well', () => {
  const { outcomes, finished } = runAll([patcher(ALL), synchronisedBefore]);
  expect(finished).toBe(true);
  expect(outcomes).toEqual(['0 0', '0 1', '1 0', '1 1']);
});

/** Executes twice, without anything between. */
const twice: Litmus = function* (cpu, _, registers) {
  for (let i = 0; i < 2; i++) registers.push((yield* fetchBranch(cpu, cpu.memory.textPa)) ? 1 : 0);
};

test('without maintenance the old instruction may come after the new: instruction caches are not coherent', () => {
  const both = function* (...[cpu, k, registers]: Parameters<Litmus>): ReturnType<Litmus> {
    if (cpu.id === 0) yield* patcher([])(cpu, k, registers);
    else yield* twice(cpu, k, registers);
  };
  expect(runAll([both, both]).outcomes).toEqual(['0 0', '0 1', '1 0', '1 1']);
});

/** There and back again: the value that memory holds is one that was stale before. */
test('an instruction that is changed back is executed as memory has it, once all is done', () => {
  const back: Litmus = function* (cpu, k, registers) {
    yield* patcher(ALL)(cpu, k, registers);
    yield* store(cpu, cpu.memory.textPa, NOP);
    for (const step of ALL)
      yield* step === 'dc'
        ? dcCvau(cpu, cpu.memory.textPa)
        : step === 'ic'
          ? icIvau(cpu, cpu.memory.textPa)
          : dsb(cpu, 'ish');
    yield* store(cpu, word(k, 0), 2n);
  };
  const { outcomes, finished } = runAll([back, executor(true)]);
  expect(finished).toBe(true);
  expect(outcomes).toEqual(['0 0', '0 1', '1 0', '1 1', '2 0']);
});
