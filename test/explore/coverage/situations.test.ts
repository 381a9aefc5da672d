import { describe, expect, test } from 'vitest';
import { ruledOut } from '../../../src/explore/coverage/ruled-out.ts';
import {
  numberOfSituation,
  SITUATIONS,
  situationNumber,
  situationOfNumber,
  type TlbSituation,
} from '../../../src/explore/coverage/situations.ts';
import { TAME } from '../../../src/explore/replay.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { type Kernel, mark } from '../../../src/kernel/kernel.ts';
import { linearAliasRo } from '../../../src/kernel/linear-map/pageattr.ts';
import { rangeSplitToPtes } from '../../../src/kernel/linear-map/split.ts';
import { entryOffset } from '../../../src/kernel/tables/pagewalk.ts';
import { PTE_ADDRESS } from '../../../src/kernel/tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../../../src/kernel/tables/tlbflush.ts';
import { catalogue } from '../../../src/scenario/catalogue.ts';
import { repaint, secondariesStayOnSwapper } from '../../../src/scenario/repaint/repaint.ts';
import { defineScenario, type Program, type Scenario } from '../../../src/scenario/scenario.ts';
import { type CoveredOptions, covered, oneBlock, situationsIn } from '../covered.ts';

const SEEDS = Array.from({ length: 60 }, (_, seed) => randomly(seed));

/** The last page of RAM. */
function lastPage({ board, space }: Kernel): number {
  const { base, bytes } = board.memory.at(-1)!;
  return physToVirt(space, base + bytes - space.granule.pageBytes);
}

/** CPU 1 loads the last page a few times while CPU 0 does something to it. */
function meanwhile(name: string, doing: Program, kernel: Scenario['kernel'] = {}): Scenario {
  const looks: Program = function* (cpu, k) {
    for (let i = 0; i < 6; i++) yield* load(cpu, lastPage(k));
  };
  return defineScenario({
    name,
    summary: name,
    board: 'one-block',
    kernel,
    programs: (id) => (id === 0 ? doing : looks),
  });
}

/** The page entry of the last page, through the fixmap. */
function lastEntry({ memory }: Cpu, k: Kernel): number {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel; level < 3; level++)
    table = Number(read(memory, table + entryOffset(k.space, level, 0, lastPage(k))) & PTE_ADDRESS);
  return FIXMAP + table + entryOffset(k.space, 3, 0, lastPage(k));
}

function* unmapsAndMaps(cpu: Cpu, k: Kernel): Op {
  const entry = lastEntry(cpu, k);
  const value = yield* load(cpu, entry);
  yield* store(cpu, entry, 0n);
  yield* dsb(cpu, 'ishst');
  yield* flushTlbKernelRange(cpu, k, lastPage(k), lastPage(k) + k.space.granule.pageBytes);
  yield* store(cpu, entry, value);
}

function* splitsTheLastBlock(cpu: Cpu, k: Kernel): Op {
  const { base, bytes } = k.board.memory.at(-1)!;
  mark(cpu, 'split.started');
  yield* rangeSplitToPtes(cpu, k, physToVirt(k.space, base), physToVirt(k.space, base + bytes), 'kernel');
  mark(cpu, 'split.finished');
}

const able = { ...oneBlock(2), name: 'able', cpus: [oneBlock(2).cpus[0]!, oneBlock(2).cpus[0]!] };
const changes = meanwhile('changes', function* (cpu, k) {
  yield* linearAliasRo(cpu, k, lastPage(k), 1);
});
const splits = meanwhile('splits', splitsTheLastBlock);
/** Somebody uses the linear map when everybody is to stop. */
const early = defineScenario({
  name: 'early',
  summary: 'early',
  board: 'one-block',
  text: (good) => ({
    ...good,
    repaint: {
      ...good.repaint,
      *initFlag(cpu, k) {
        yield* load(cpu, lastPage(k));
        yield* good.repaint.initFlag(cpu, k);
      },
    },
  }),
});

describe('a situation', () => {
  test('has a number of its own, and is found again by it', () => {
    const numbers = Array.from({ length: SITUATIONS }, (_, number) => number);
    for (const number of numbers) expect(numberOfSituation(situationOfNumber(number))).toBe(number);
    expect(situationOfNumber(situationNumber(3, 0b101, 1, 2, 4))).toEqual({
      bbm: 'level2-noabort',
      cached: ['page', 'block'],
      memory: 'other size',
      tlbi: 'delivered',
      phase: 'flushing',
    });
  });
});

describe('runs that are made for it come to each answer, and a tame one of the repaint does not', () => {
  const tame = situationsIn(covered(repaint), [TAME]);
  const CASES: readonly [Partial<TlbSituation>, Scenario, CoveredOptions?][] = [
    [{ bbm: 'level0' }, secondariesStayOnSwapper],
    [{ cached: ['page', 'block'] }, repaint],
    [{ cached: ['block'], memory: 'other size' }, repaint],
    [{ cached: ['page'], memory: 'changed' }, changes],
    [{ cached: ['page'], memory: 'invalid' }, meanwhile('unmaps', unmapsAndMaps)],
    [{ tlbi: 'issued' }, repaint],
    [{ tlbi: 'delivered' }, repaint],
    [{ phase: 'stopping' }, early],
    [{ phase: 'parking' }, secondariesStayOnSwapper],
    [{ phase: 'splitting' }, splits, { board: able }],
  ];
  test.each(CASES)('%j', (wanted, scenario, options) => {
    const all = situationsIn(covered(scenario, options), SEEDS);
    expect(all).toContainEqual(expect.objectContaining(wanted));
    if (wanted.bbm === undefined) expect(tame).not.toContainEqual(expect.objectContaining(wanted));
  });

  test('the tame one comes to what needs no luck: blocks while they are painted over, then pages', () => {
    expect(new Set(tame.map(({ phase }) => phase))).toEqual(new Set(['painting', 'running']));
    expect(new Set(tame.map(({ tlbi }) => tlbi))).toEqual(new Set(['none', 'completed']));
    expect(tame.every(({ memory }) => memory === 'same')).toBe(true);
  });

  test('contiguous runs and large blocks, where the board has them', () => {
    const large = { ...boardPresets.get('symmetric-8')!, name: 'large' };
    const loads = meanwhile('loads', function* (cpu, k) {
      yield* load(cpu, lastPage(k));
      for (let pa = k.space.text; pa < k.space.end; pa += 2 ** 16) yield* load(cpu, physToVirt(k.space, pa));
    });
    const board = { ...large, cpus: large.cpus.slice(0, 2) };
    const sizes = new Set(situationsIn(covered(loads, { board }), [TAME]).map(({ cached }) => cached.join()));
    expect(sizes).toContain('run');
    expect(sizes).toContain('large block');
  });
});

describe('what is ruled out', () => {
  const board = oneBlock(4);
  const ground = { board, from: 'brought-up' } as const;
  const usual: TlbSituation = { bbm: 'level0', cached: ['page'], memory: 'same', tlbi: 'none', phase: 'running' };

  test.each([
    [{ cached: [], memory: 'changed' }, 'architecture'],
    [{ cached: ['page', 'block'], bbm: 'level3' }, 'architecture'],
    [{ memory: 'other size', tlbi: 'completed' }, 'architecture'],
    [{ memory: 'invalid', tlbi: 'delivered' }, 'architecture'],
    [{ phase: 'painting' }, 'protocol'],
    [{ phase: 'parking', tlbi: 'issued' }, 'protocol'],
    [{ phase: 'painting', bbm: 'level2-noabort', tlbi: 'issued' }, 'protocol'],
    [{ cached: ['page', 'block'], memory: 'other size' }, 'protocol'],
  ] as const)('%j, by the %s', (situation, by) => {
    expect(ruledOut({ ...usual, ...situation }, ground)?.by).toBe(by);
  });

  test.each([
    {},
    { memory: 'changed', tlbi: 'issued' },
    { cached: ['page', 'block'], memory: 'other size', bbm: 'level2-noabort' },
    { cached: ['page', 'run'], memory: 'same' },
    { phase: 'painting', bbm: 'level2-noabort' },
    { phase: 'released', tlbi: 'completed' },
  ] as const)('but not %j', (situation) => {
    expect(ruledOut({ ...usual, ...situation }, ground)).toBeUndefined();
  });

  test.each(['brought-up', 'power-on'] as const)('is not met by good scenarios, from %s', (from) => {
    for (const scenario of catalogue.filter(({ name }) => name === 'repaint' || name === 'held-up-cpu')) {
      const met = situationsIn(covered(scenario, { from, board }), SEEDS);
      expect(met.length).toBeGreaterThan(15);
      for (const situation of met) expect(ruledOut(situation, { board, from })).toBeUndefined();
    }
    for (const situation of situationsIn(covered(changes, { from }), SEEDS))
      expect(ruledOut(situation, { board: oneBlock(3), from })).toBeUndefined();
  });

  test('by the protocol is met by a twin that walks where it should be parked', () => {
    const met = situationsIn(covered(secondariesStayOnSwapper, { board }), SEEDS);
    expect(new Set(met.map((situation) => ruledOut(situation, ground)?.by))).toEqual(new Set([undefined, 'protocol']));
  });
});

test('a run is in the same situations whatever ran before it', () => {
  const used = covered(repaint);
  const seeds = Array.from({ length: 10 }, (_, seed) => seed);
  const after = seeds.map((seed) => situationsIn(used, [randomly(seed)]));
  expect(seeds.map((seed) => situationsIn(covered(repaint), [randomly(seed)]))).toEqual(after);
  expect(after.flat().some(({ phase }) => phase === 'before')).toBe(true);
});

test('whoever looks on changes nothing', () => {
  const { interleaver, collector } = covered(repaint);
  for (const seed of [1, 2, 3, 4, 5]) {
    const alone = interleaver.run(randomly(seed));
    const counts = interleaver.counts();
    collector.begin();
    expect(interleaver.run(randomly(seed), collector.acted)).toEqual(alone);
    expect(interleaver.counts()).toEqual(counts);
  }
});
