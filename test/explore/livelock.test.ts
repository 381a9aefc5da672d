import { describe, expect, it } from 'vitest';
import { ACTS, type Decide, STEP } from '../../src/explore/decide.ts';
import { type Interleaved, interleaverOf } from '../../src/explore/interleaver.ts';
import { replaying, TAME } from '../../src/explore/replay.ts';
import { randomly } from '../../src/explore/strategy/random.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { dsb } from '../../src/hardware/instruction/barrier.ts';
import { compareAndSwap, load, loadAdd, store } from '../../src/hardware/instruction/load-store.ts';
import { relaxWhile } from '../../src/hardware/instruction/wait.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';
import { entry, type Litmus, litmus, word } from './litmus.ts';

/** One after the other, a step each. */
const alternating = (): Decide => {
  let turn = 0;
  return {
    next({ actors, cpus }) {
      turn = 1 - turn;
      return Math.max(0, actors.subarray(0, cpus).indexOf(turn * ACTS + STEP));
    },
    chance: () => 0,
  };
};

/** Says that it wants to go first; if the other wants to as well, gives way, and tries again. */
const polite: Litmus = function* (cpu, k) {
  const [mine, theirs] = [word(k, cpu.id), word(k, 1 - cpu.id)];
  for (;;) {
    yield* store(cpu, mine, 1n);
    if ((yield* load(cpu, theirs)) === 0n) break;
    yield* store(cpu, mine, 0n);
  }
  yield* store(cpu, mine, 0n);
};

const nothing: Litmus = function* () {};

/** Loads the word until it holds something. */
const spinning: Litmus = function* (cpu, k) {
  while ((yield* load(cpu, word(k, 0))) === 0n);
};

function run(programs: readonly Litmus[], decide: Decide = TAME): Interleaved {
  return litmus(programs).interleaver.run(decide);
}

describe('a run that is given up and goes in a circle for ever', () => {
  it('is a livelock: two CPUs give way to each other, and each step of theirs is named', () => {
    const { interleaver } = litmus([polite, polite]);
    const { verdict, violations, points } = interleaver.run(alternating());
    expect({ verdict, points }).toEqual({ verdict: 'violated', points: 1000 });
    const [mine, theirs] = [0, 1].map((which) => `0x${word(interleaver.kernel, which).toString(16).padStart(16, '0')}`);
    expect(violations).toEqual([
      {
        property: 'livelock',
        cpu: 0,
        step: -1,
        message: expect.stringMatching(
          /^CPU 0-1 go round for ever: the same state came \d+ times while all took turns; CPU 0: .*; CPU 1: /,
        ),
        evidence: [expect.stringMatching(/^CPU 0: .*, and again$/), expect.stringMatching(/^CPU 1: .*, and again$/)],
        remedy: '',
      },
    ]);
    for (const line of violations[0]!.evidence)
      expect(line.split(/: |, /).slice(1, 4).sort()).toEqual(
        [
          `a load of ${line.startsWith('CPU 0') ? theirs : mine}`,
          ...Array(2).fill(`a store to ${line.startsWith('CPU 0') ? mine : theirs}`),
        ].sort(),
      );
  });

  it('is the same one when it is replayed', () => {
    const { interleaver } = litmus([polite, polite]);
    const found = interleaver.run(alternating());
    interleaver.run(randomly(1));
    expect(interleaver.run(replaying(found.decisions))).toEqual(found);
  });

  it('names who waits beside those who loop', () => {
    const waiting: Litmus = function* (cpu, k) {
      yield* relaxWhile(cpu, word(k, 1), 0n, 'a word that nobody writes');
    };
    const { violations } = run([spinning, waiting]);
    expect(violations[0]).toMatchObject({ property: 'livelock', cpu: 0 });
    expect(violations[0]!.message).toMatch(/^CPU 0 goes round for ever/);
    expect(violations[0]!.evidence).toEqual([
      expect.stringMatching(/^CPU 0: a load of 0x[0-9a-f]{16}, and again$/),
      expect.stringMatching(/^CPU 1: waiting for a word that nobody writes/),
    ]);
  });

  it('is found where stores and compare-and-swaps change nothing in the end', () => {
    const failing: Litmus = function* (cpu, k) {
      yield* store(cpu, word(k, 0), 1n);
      while ((yield* compareAndSwap(cpu, word(k, 0), 0n, 1n)) !== 0n) yield* dsb(cpu, 'ish');
    };
    expect(run([failing, nothing]).violations[0]!.evidence[0]).toMatch(
      /^CPU 0: (an atomic access to 0x\w+, a DSB|a DSB, an atomic access to 0x\w+), and again$/,
    );
  });
});

describe('a run that is given up is only that', () => {
  const counting = (steps: number): Litmus =>
    function* (cpu, k) {
      for (let i = 0; i < steps; i++) yield* loadAdd(cpu, word(k, 1), 1n);
      yield* store(cpu, word(k, 0), 1n);
    };

  it.each<[string, readonly Litmus[]]>([
    ['where a spin ends once the other CPU has had its turns', [spinning, counting(400)]],
    ['where the state is always another', [counting(100_000), nothing]],
    [
      'where a loop counts its tries and ends',
      [
        function* (cpu, k) {
          for (let tries = 0; tries < 1500; tries++) yield* load(cpu, word(k, 0));
        },
        nothing,
      ],
    ],
    [
      'where a store has only not left its buffer yet',
      [
        function* (cpu, k) {
          yield* store(cpu, entry(k, 0), 1n);
          yield* spinning(cpu, k, []);
        },
        function* (cpu, k) {
          while ((yield* load(cpu, entry(k, 0))) === 0n);
          yield* store(cpu, word(k, 0), 1n);
        },
      ],
    ],
    [
      'where a program throws dice until they fall well',
      [
        function* (cpu, k) {
          while (cpu.choose(6, 'program') === 0) yield* load(cpu, word(k, 0));
        },
        nothing,
      ],
    ],
  ])('%s', (_, programs) => {
    expect(run(programs)).toMatchObject({ verdict: 'inconclusive', violations: [], points: 1000 });
  });

  it.each([50, 150, 250])('the good repaint after %i points', (mostPoints) => {
    const interleaver = interleaverOf({
      board: boardPresets.get('one-block')!,
      scenario: repaint,
      kernel: DEFAULT_CONFIG,
      work: briefWork,
      from: 'power-on',
      mostPoints,
    });
    for (let seed = 1; seed <= 5; seed++) {
      const { verdict, violations } = interleaver.run(randomly(seed));
      expect({ violations, verdict }).toEqual({ violations: [], verdict: 'inconclusive' });
    }
  });
});
