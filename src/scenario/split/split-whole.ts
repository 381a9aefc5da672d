import { batching } from '../../check/break-before-make/batching.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { mark } from '../../kernel/kernel.ts';
import { kfenceInit } from '../../kernel/linear-map/kfence-core.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import { splitRange } from '../../kernel/linear-map/split.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { ableBlock } from './split.ts';

/** KFENCE is enabled late: the block that its pool lies in falls apart into pages, all of it at once, while others use it. */

const enable: Program = function* (cpu, k) {
  mark(cpu, 'split.started');
  yield* kfenceInit(cpu, k);
  mark(cpu, 'split.finished');
};

const page = 3;

/** One page of the same block changes meanwhile. */
const change: Program = function* (cpu, k) {
  const va = physToVirt(k.space, moduleArea(k).pa + page * k.space.granule.pageBytes);
  mark(cpu, 'split.started');
  if ((yield* linearAliasRo(cpu, k, va, 1)) === 0) yield* linearAliasRw(cpu, k, va, 1);
  mark(cpu, 'split.finished');
};

const read: Program = function* (cpu, k) {
  const { pa, pages } = moduleArea(k);
  for (let i = 0; i < pages; i += 3) yield* load(cpu, physToVirt(k.space, pa + i * k.space.granule.pageBytes));
};

const act = (id: number): Program => (id === 0 ? enable : id === 1 ? change : read);

const whole: Pick<Scenario, 'board' | 'kernel' | 'properties' | 'programs' | 'briefPrograms'> = {
  board: ableBlock,
  kernel: { kfence: 'late' },
  properties: [batching],
  programs: (id) => sequence(act(id), allTogether, checkLinearMap),
  briefPrograms: (id) => sequence(act(id), briefWork),
};

export const splitWhole = defineScenario({
  name: 'split-whole',
  summary: 'KFENCE is enabled late and its pool split while a page of the same block changes and others read it',
  ...whole,
});

export const splitNotLazy = defineScenario({
  ...whole,
  name: 'split-whole/not-lazy',
  summary:
    'the pool is split outside lazy MMU mode: two barriers for each of the 512 pages of a block, slow and nothing worse',
  expect: 'batching',
  programs: (id) => sequence(id === 0 ? enable : read, allTogether, checkLinearMap),
  briefPrograms: (id) => sequence(id === 0 ? enable : read, briefWork),
  text: (good) => ({ ...good, split: { ...good.split, rangeSplitToPtes: splitRange } }),
});
