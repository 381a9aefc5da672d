import { refused } from '../../check/map/warn.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { forcePteMappingNow } from '../../kernel/boot/cpufeature.ts';
import { type EarlyStage, NOBODY_EARLY } from '../../kernel/boot/early.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { setMemoryDecrypted } from '../../kernel/linear-map/realm.ts';
import type { SplitFilter } from '../../kernel/linear-map/split-filter.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { ableBlock } from './split.ts';

/**
 * A realm shares pages with its host: for swiotlb's buffers and the tables of its interrupt controller that is long before anybody
 * knows whether all CPUs have BBML2. What it shares lies in the middle of a block.
 */

const SHARED_PAGES = 2;

/** Pages 3 and 4 of those that are nobody's. A caller that is refused tries again later, or does without. */
function* share(cpu: Cpu, k: Kernel): Op {
  const va = physToVirt(k.space, moduleArea(k).pa + 3 * k.space.granule.pageBytes);
  yield* setMemoryDecrypted(cpu, k, va, SHARED_PAGES);
}

const sharedAt =
  (...stages: readonly EarlyStage[]) =>
  (good: KernelText): KernelText => ({
    ...good,
    early: {
      *work(cpu, k, stage) {
        if (stages.includes(stage)) yield* share(cpu, k);
      },
    },
  });

/** The boot CPU may split blocks in place, and the other may not. */
const mixedBlock = boardPresets.get('one-block')!;

/** Under rodata=full the map has blocks only where the boot CPU may split them. */
const kernel = { revision: '7.1', realm: true, rodata: 'full' } as const;

const ANY_TIME = ['setup_arch', 'mm_core_init', 'cpuhp_online', 'smp_init'] as const;

export const early = defineScenario({
  name: 'early',
  summary:
    'a realm shares pages of a block all through its boot, and is told to wait where nobody knows enough to split it',
  board: mixedBlock,
  kernel,
  circumstances: sharedAt(...ANY_TIME),
});

export const earlyAlone = defineScenario({
  name: 'early-alone',
  summary: 'a realm shares pages of a block while the boot CPU is alone and memory can be had: nobody refuses it',
  board: ableBlock,
  kernel,
  circumstances: sharedAt('mm_core_init'),
  properties: [refused],
});

function twin(definition: ScenarioDefinition): Scenario {
  return defineScenario({ kernel, ...definition, name: `early/${definition.name}` });
}

const filter =
  (change: (good: SplitFilter) => SplitFilter) =>
  (good: KernelText): KernelText => ({ ...good, split: { ...good.split, filter: change(good.split.filter) } });

/** Linux before f12b435de2f2 (7.1): no sentence is changed, 6.18 is like that. */
export const notSplitBeforeFinal = twin({
  name: 'not-split-before-final',
  summary:
    'until the capabilities are final nothing is split, and the caller is told 0: he meets a block that he has part of',
  board: ableBlock,
  expect: 'warn',
  kernel: { ...kernel, revision: '6.18' },
  circumstances: sharedAt('mm_core_init'),
});

export const secondaryAskedForItself = twin({
  name: 'secondary-asked-for-itself',
  summary: 'force_pte_mapping() is asked on a secondary without BBML2, and answers for that CPU, which painted nothing',
  board: mixedBlock,
  expect: 'warn',
  circumstances: sharedAt('cpuhp_online'),
  text: filter(
    (good) =>
      function* (cpu, k, start) {
        return (yield* forcePteMappingNow(cpu, k)) ? 0 : yield* good(cpu, k, start);
      },
  ),
});

export const splitBeforeFinal = twin({
  name: 'split-before-final',
  summary: 'a block is split while secondaries run of which nobody knows yet whether they have BBML2',
  board: mixedBlock,
  expect: 'bbm',
  circumstances: sharedAt('smp_init'),
  text: filter(
    () =>
      function* () {
        return undefined;
      },
  ),
});

/** The system is up, and a driver's buffer is shared. */
const shareLater: Program = function* (cpu, k) {
  mark(cpu, 'split.started');
  yield* share(cpu, k);
  mark(cpu, 'split.finished');
};

const later = (check: Program) => (id: number) =>
  sequence(id === 0 ? sequence(shareLater, allTogether) : allTogether, check);

const laterPrograms: Pick<Scenario, 'board' | 'programs' | 'briefPrograms'> = {
  board: ableBlock,
  programs: later(checkLinearMap),
  briefPrograms: later(briefWork),
};

export const realm = defineScenario({
  name: 'realm',
  summary: 'a realm shares pages of a block once it is up',
  kernel,
  ...laterPrograms,
});

/** Linux 7.1, and open when it was reported: is_realm_world() is still false when map_mem() runs. */
export const realmUnknown = twin({
  name: 'realm-unknown',
  summary:
    'with rodata=noalias nobody knew that a realm would want to split blocks: the split says there is nothing to do',
  expect: 'warn',
  kernel: { ...kernel, rodata: 'noalias' },
  circumstances: (good) => ({ ...good, early: NOBODY_EARLY }), // who shares that early meets the same, before it is up
  ...laterPrograms,
});

export const earlyTwins: readonly Scenario[] = [
  notSplitBeforeFinal,
  secondaryAskedForItself,
  splitBeforeFinal,
  realmUnknown,
];
