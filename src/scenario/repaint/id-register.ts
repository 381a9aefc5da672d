import type { Board } from '../../hardware/board/board.ts';
import { boardPresets, cramped } from '../../hardware/board/board-presets.ts';
import { cpuModels } from '../../hardware/board/cpu-models.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { type Kernel, mark } from '../../kernel/kernel.ts';
import { splitKernelLeafMapping } from '../../kernel/linear-map/split-leaf.ts';
import type { Bug } from '../bug.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { splitLeaf } from '../split/split.ts';
import { reach, until } from '../staging/stage.ts';

/** What ID_AA64MMFR2_EL1.BBM promises, and what it does not: level 2 may answer a change of size with a conflict abort. */

/** Four CPUs of a part that says level 2 and is not on the list: it may abort. */
const unlisted: Board = {
  ...boardPresets.get('one-block')!,
  name: 'unlisted-block',
  summary: 'four CPUs with BBM level 2 whose vendor attests nothing, a tiny kernel and one 2M block',
  cpus: Array.from({ length: 4 }, () => cramped(cpuModels['cortex-x4-r0p2'])),
};

/** Reads all over the block, `reads` times. */
function* readAllOver(cpu: Cpu, k: Kernel, reads: number): Op {
  const { pa, pages } = moduleArea(k);
  for (let i = 0; i < reads; i++)
    yield* load(cpu, physToVirt(k.space, pa) + ((i * 7) % pages) * k.space.granule.pageBytes);
}

const BEFORE = 2000;
/** So often that walks nobody asked for have cached a page beside the block, even if nobody but CPU 0 had cached that. */
const AFTER = 20_000;

/** No page changes, so no TLBI takes the block away: it stays beside the pages. */
function* splitAndRead(cpu: Cpu, k: Kernel): Op {
  yield* readAllOver(cpu, k, BEFORE);
  const start = physToVirt(k.space, moduleArea(k).pa + 3 * k.space.granule.pageBytes);
  mark(cpu, 'split.started');
  yield* splitKernelLeafMapping(cpu, k, start, start + k.space.granule.pageBytes);
  mark(cpu, 'split.finished');
  reach(cpu, SPLIT);
  yield* readAllOver(cpu, k, AFTER);
}

/** On threads others may be through before the split begins: they read once more afterwards. */
function* readBeforeAndAfter(cpu: Cpu, k: Kernel): Op {
  yield* readAllOver(cpu, k, BEFORE);
  yield* until(cpu, SPLIT);
  yield* readAllOver(cpu, k, AFTER);
}

const SPLIT = 1;

const { briefPrograms } = splitLeaf as Required<typeof splitLeaf>;
const race = {
  board: unlisted,
  programs: (cpu: number): Program => sequence(cpu === 0 ? splitAndRead : readBeforeAndAfter, checkLinearMap),
  briefPrograms,
};

export const idRegisterIgnored = defineScenario({
  name: 'unlisted-cpus',
  summary: 'CPUs say BBM level 2, and the list does not have them: pages from the start, and nothing to split',
  ...race,
});

export const idRegisterTrusted = defineScenario({
  name: 'unlisted-cpus/id-register-trusted',
  summary: 'BBM level 2 in the ID register is taken for a promise that no conflict abort happens',
  expect: 'conflict',
  text: (good) => ({ ...good, cpuSupportsBbml2Noabort: ({ bbm }) => bbm >= 2 }),
  ...race,
});

export const idRegisterBugs: readonly Bug[] = [
  {
    name: 'id-register-trusted',
    wrong:
      'a CPU that reports BBM level 2 is believed not to abort: level 2 allows a TLB conflict abort, which nobody survives',
    source: 'review of the capability in 2025: a list of MIDRs whose vendors attest more than the register says',
    revision: 'never merged',
    fix: 'the register is not asked; since 7.3 it is, for level 3, which does not abort',
    act: { bad: idRegisterTrusted, fixed: idRegisterIgnored },
  },
];
