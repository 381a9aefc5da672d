import { describe, expect, it } from 'vitest';
import { actOf, type Decide, DRAIN } from '../../../src/explore/decide.ts';
import { type Interleaver, interleaverOf } from '../../../src/explore/interleaver.ts';
import { dependent, type Footprint, footprintOf, trackerOf, union } from '../../../src/explore/strategy/footprint.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { seededChooser } from '../../../src/hardware/chooser.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import {
  asidOf,
  flagsOf,
  occupied,
  paOf,
  rightsAt,
  shiftOf,
  tagOf,
} from '../../../src/hardware/translation/tlb-entry.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { linearAliasRo, linearAliasRw } from '../../../src/kernel/linear-map/pageattr.ts';
import { briefWork } from '../../../src/scenario/brief-work.ts';
import { repaint } from '../../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';

/** One act of a run, and how chance fell on it. */
interface Act {
  readonly actor: number;
  readonly chances: number[];
  touched: Footprint;
}

const NOTHING = footprintOf(new Set(), new Set());

/** CPU 0 changes the permissions of the page that the others read: walks and stores to tables side by side. */
const permissions: Scenario = {
  ...repaint,
  name: 'permissions',
  programs: (id) =>
    function* (cpu, k) {
      const { base, bytes } = k.board.memory[1]!;
      const va = physToVirt(k.space, base + bytes / 2);
      for (let i = 0; i < 6; i++) {
        if (id === 0) yield* (i % 2 === 0 ? linearAliasRo : linearAliasRw)(cpu, k, va, 1);
        else yield* load(cpu, va);
        if (id !== 0) yield* tlbi(cpu, 'vmalle1');
      }
    },
};

function explorer(scenario: Scenario): Interleaver {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 3 });
  return interleaverOf({
    board,
    scenario,
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'brought-up',
    mostPoints: 5000,
  });
}

/** Acts of the run that `decide` makes, at most `most` of them. */
function actsOf(interleaver: Interleaver, decide: Decide, most = Infinity): { acts: Act[]; state: unknown } {
  const tracker = trackerOf(interleaver);
  const acts: Act[] = [];
  let state: unknown;
  interleaver.run(
    {
      always: true,
      next(ready) {
        if (acts.length === most) {
          state = stateOf(interleaver);
          return -1;
        }
        if (acts.length === 0) tracker.begin();
        const pick = ready.count === 1 ? 0 : decide.next(ready);
        acts.push({ actor: ready.actors[pick]!, chances: [], touched: NOTHING });
        return pick;
      },
      chance(bound, kind, cpu) {
        const answer = decide.chance(bound, kind, cpu);
        acts.at(-1)!.chances.push(answer);
        return answer;
      },
    },
    (actor) => {
      acts.at(-1)!.touched = tracker.acted(actor);
    },
  );
  tracker.end();
  return { acts, state };
}

/** Does what it is told, act by act; undefined where an actor cannot act. */
function script(acts: readonly Act[]): Decide {
  let at = -1;
  let chance = 0;
  return {
    next({ actors, count }) {
      at++;
      chance = 0;
      const pick = actors.subarray(0, count).indexOf(acts[at]!.actor);
      if (pick < 0) throw new Error(`actor ${acts[at]!.actor} cannot act`);
      return pick;
    },
    chance: () => acts[at]!.chances[chance++]!,
  };
}

/** All that a machine can be told by, but for the numbering of steps. */
function stateOf({ machine, lanes }: Interleaver): unknown {
  const { memory, layout } = machine;
  const bytes = (from: number, length: number): string =>
    Buffer.from(new Uint8Array(memory.buffer, from, length)).toString('base64');
  return {
    frames: bytes(layout.backing, layout.frames * memory.pageBytes),
    meta: bytes(layout.frameState, layout.backing - layout.frameState),
    cpus: lanes.map(({ cpu, at, stack }) => ({
      at: `${at?.kind} ${at?.address}`,
      depth: stack.length,
      tlb: Array.from({ length: cpu.tlb.entries }, (_, way) =>
        occupied(cpu.tlb, way)
          ? [tagOf, paOf, shiftOf, asidOf, rightsAt, flagsOf].map((part) => part(cpu.tlb, way)).join()
          : '',
      ),
      roots: [...cpu.doubles],
      irqMasked: cpu.irqMasked,
      buffered: Array.from({ length: cpu.stores.count[0]! }, (_, i) => `${cpu.stores.pa[i]} ${cpu.stores.value[i]}`),
      counts: [...cpu.counts],
    })),
  };
}

describe('what acts touch', () => {
  it.each([repaint, permissions])(
    'tells which may change places: $name comes out the same, whatever is independent goes first',
    (scenario) => {
      const interleaver = explorer(scenario);
      let swaps = 0;
      for (let seed = 1; seed <= 12; seed++) {
        const { acts } = actsOf(interleaver, randomly(seed));
        const choose = seededChooser(seed);
        // Every place where a store becomes visible, and some of the rest.
        const places = [...acts.keys()].slice(0, -1).filter((at) => {
          const draining = [acts[at]!, acts[at + 1]!].some(({ actor }) => actOf(actor) === DRAIN);
          return draining || choose(8, 'noise') === 0;
        });
        for (const at of places) {
          const [one, other] = [acts[at]!, acts[at + 1]!];
          if (one.actor === other.actor || dependent(one.touched, other.touched)) continue;
          const swapped = [...acts.slice(0, at), other, one];
          const before = actsOf(interleaver, script(acts), at + 2);
          const after = actsOf(interleaver, script(swapped), at + 2);
          expect(after.state, `seed ${seed}, acts ${at} and ${at + 1}`).toEqual(before.state);
          swaps++;
        }
      }
      expect(swaps).toBeGreaterThan(100);
    },
  );

  it('makes acts dependent that do not commute: some dependent neighbours come out differently', () => {
    const interleaver = explorer(repaint);
    let differ = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const { acts } = actsOf(interleaver, randomly(seed));
      for (let at = 0; at + 1 < acts.length; at++) {
        const [one, other] = [acts[at]!, acts[at + 1]!];
        if (one.actor === other.actor || !dependent(one.touched, other.touched)) continue;
        try {
          const before = actsOf(interleaver, script(acts), at + 2);
          const after = actsOf(interleaver, script([...acts.slice(0, at), other, one]), at + 2);
          if (JSON.stringify(before.state) !== JSON.stringify(after.state)) differ++;
        } catch {
          differ++;
        }
      }
    }
    expect(differ).toBeGreaterThan(10);
  });
});

describe('places', () => {
  const touched = (reads: number[], writes: number[]): Footprint => footprintOf(new Set(reads), new Set(writes));

  it.each([
    ['two reads', touched([1], []), touched([1], []), false],
    ['a read and a write', touched([1], []), touched([], [1]), true],
    ['two writes', touched([], [1]), touched([], [1]), true],
    ['different places', touched([1], [2]), touched([3], [4]), false],
    ['places that share a bit of the mask', touched([], [1]), touched([], [1 + 2 ** 27]), false],
  ])('%s', (_, a, b, expected) => {
    expect([dependent(a, b), dependent(b, a)]).toEqual([expected, expected]);
  });

  it('of several acts are all of theirs', () => {
    const both = union(touched([1], [2]), touched([3], [4]));
    expect(dependent(both, touched([], [3]))).toBe(true);
    expect(dependent(both, touched([4], []))).toBe(true);
    expect(dependent(both, touched([1, 3], [5]))).toBe(false);
  });
});
