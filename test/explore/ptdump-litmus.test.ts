import { describe, expect, test } from 'vitest';
import { branch } from '../../src/arch/instruction.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { fetchBranch } from '../../src/hardware/instruction/branch.ts';
import { dcCvau, icIvau } from '../../src/hardware/instruction/instruction-cache.ts';
import { compareAndSwap, load, store } from '../../src/hardware/instruction/load-store.ts';
import { relaxWhile } from '../../src/hardware/instruction/wait.ts';
import type { Op } from '../../src/hardware/op.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { type Everything, entry, type Litmus, runAll, word } from './litmus.ts';

/**
 * The ptdump protocol as a litmus test, with no kernel around it. The dumper turns NOP into B, takes a lock, reads the way to a
 * table, and the table where there is a way; the freer clears the way, takes the lock if it executes B, and destroys the table.
 * Every schedule there is, all chance, no bounds: what is not among the outcomes cannot happen.
 */

/** What can be left out; `order`: the lock is taken before the branch is patched; `release`: the unlock is a plain store. */
type Piece =
  | 'patch: STR'
  | 'patch: DC CVAU'
  | 'patch: DSB ISH between'
  | 'patch: IC IVAU'
  | 'patch: DSB ISH after'
  | 'patch: ISB'
  | "the dumper's lock"
  | 'the clear before the barriers'
  | "the freer's DSB ISH"
  | "the freer's ISB"
  | "the freer's lock"
  | "the freer's release"
  | 'the key before the lock';

const LOCK = 0;
const CONTENT = 1;

/** The way to the table, an entry of another table: 0 while it is there, 1 when it is cleared. */
const way = (k: Kernel): number => entry(k, 0);

function* lock(cpu: Cpu, k: Kernel): Op {
  while ((yield* compareAndSwap(cpu, word(k, LOCK), 0n, 1n)) !== 0n) yield* relaxWhile(cpu, word(k, LOCK), 1n, 'lock');
}

/** A compare-and-swap lets what was stored go first, as a release does; a plain store does not. */
function* unlock(cpu: Cpu, k: Kernel, release = true): Op {
  if (release) yield* compareAndSwap(cpu, word(k, LOCK), 1n, 0n);
  else yield* store(cpu, word(k, LOCK), 0n);
}

function* patch(cpu: Cpu, without: ReadonlySet<Piece>): Op {
  const va = cpu.memory.textPa;
  if (!without.has('patch: STR')) yield* store(cpu, va, branch(4));
  if (!without.has('patch: DC CVAU')) yield* dcCvau(cpu, va);
  if (!without.has('patch: DSB ISH between')) yield* dsb(cpu, 'ish');
  if (!without.has('patch: IC IVAU')) yield* icIvau(cpu, va);
  if (!without.has('patch: DSB ISH after')) yield* dsb(cpu, 'ish');
  if (!without.has('patch: ISB')) yield* isb(cpu);
}

const dumper = (without: ReadonlySet<Piece>): Litmus =>
  function* (cpu, k, registers) {
    const late = without.has('the key before the lock');
    if (!late) yield* patch(cpu, without);
    if (!without.has("the dumper's lock")) yield* lock(cpu, k);
    if (late) yield* patch(cpu, without);
    const found = (yield* load(cpu, way(k))) === 0n;
    registers.push(found ? 1 : 0, found ? Number(yield* load(cpu, word(k, CONTENT))) : 0);
    if (!without.has("the dumper's lock")) yield* unlock(cpu, k);
  };

const freer = (without: ReadonlySet<Piece>): Litmus =>
  function* (cpu, k) {
    const early = !without.has('the clear before the barriers');
    if (early) yield* store(cpu, way(k), 1n);
    if (!without.has("the freer's DSB ISH")) yield* dsb(cpu, 'ish');
    if (!without.has("the freer's ISB")) yield* isb(cpu);
    if (!early) yield* store(cpu, way(k), 1n);
    if ((yield* fetchBranch(cpu, cpu.memory.textPa)) && !without.has("the freer's lock")) {
      yield* lock(cpu, k);
      yield* unlock(cpu, k, !without.has("the freer's release"));
    }
    yield* store(cpu, word(k, CONTENT), 1n);
  };

function outcomesWithout(...pieces: Piece[]): Everything {
  const without = new Set(pieces);
  return runAll([dumper(without), freer(without)]);
}

/** The way was there, and the table was not. */
const FREED = '1 1';

test('all of it: whoever finds the way finds the table', () => {
  const { outcomes, finished, classes } = outcomesWithout();
  expect(outcomes).toEqual(['0 0', '1 0']);
  expect(finished).toBe(true);
  expect(classes).toBeGreaterThan(10);
});

describe('a freed table is read without', () => {
  test.each<Piece>([
    'patch: STR',
    'patch: DC CVAU',
    'patch: DSB ISH between',
    'patch: IC IVAU',
    'patch: DSB ISH after',
    "the dumper's lock",
    'the clear before the barriers',
    "the freer's DSB ISH",
    "the freer's ISB",
    "the freer's lock",
  ])('%s', (piece) => {
    const { outcomes, finished } = outcomesWithout(piece);
    expect(outcomes).toContain(FREED);
    expect(finished).toBe(true);
  });
});

describe('nothing happens without', () => {
  test.each<readonly Piece[]>([
    ['patch: ISB'],
    ["the freer's release"],
    ['the key before the lock'],
    ['patch: ISB', "the freer's release", 'the key before the lock'],
  ])('%s %s %s', (...pieces) => {
    const { outcomes, finished } = outcomesWithout(...pieces);
    expect(outcomes).toEqual(['0 0', '1 0']);
    expect(finished).toBe(true);
  });
});
