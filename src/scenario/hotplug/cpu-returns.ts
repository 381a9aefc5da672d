import type { Cpu } from '../../hardware/cpu.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { IPI_RESCHEDULE } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { cpuDown, cpuUp, idleUntilOffline } from '../../kernel/boot/cpu-hotplug.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import { type Kernel, mark, percpuVariable } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw } from '../../kernel/linear-map/pageattr.ts';
import { briefWork } from '../brief-work.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { ableBlock } from '../split/split.ts';

/**
 * A CPU is taken down, a block falls apart while it is away, and it comes back: it has to ask again whether it has what the system
 * relies on, and begins with nothing cached. Others read, and change permissions as well.
 */

const last = ({ board }: Kernel): number => board.cpus.length - board.lateCpus.length - 1;

/** Where the CPU that goes finds out, when it has come back, that it was there before. */
const wentBefore = ({ symbols }: Kernel): number => symbols.scenarioPage;

/** A page of CPU `id`'s own becomes read-only and writable again. */
function* change(cpu: Cpu, k: Kernel): Op {
  if (!canSetDirectMap(k.config)) return;
  const va = physToVirt(k.space, moduleArea(k).pa + (3 + 4 * cpu.id) * k.space.granule.pageBytes);
  mark(cpu, 'split.started');
  if ((yield* linearAliasRo(cpu, k, va, 1)) === 0) yield* linearAliasRw(cpu, k, va, 1);
  mark(cpu, 'split.finished');
}

function* sendAwayAndBack(cpu: Cpu, k: Kernel): Op {
  const target = last(k);
  if (target === 0) return;
  yield* cpuDown(cpu, k, target);
  yield* change(cpu, k);
  yield* store(cpu, wentBefore(k), 1n);
  yield* cpuUp(cpu, k, target);
}

const program = (id: number): Program =>
  function* (cpu, k) {
    if (id === 0) yield* sendAwayAndBack(cpu, k);
    else if (id === last(k)) {
      const returned = (yield* load(cpu, wentBefore(k))) !== 0n;
      yield* briefWork(cpu, k);
      if (!returned) yield* idleUntilOffline(cpu, k);
      return;
    } else if (id === 1) yield* change(cpu, k);
    yield* briefWork(cpu, k);
  };

const story: Pick<Scenario, 'board' | 'programs'> = { board: ableBlock, programs: program };

export const cpuReturns = defineScenario({
  ...story,
  name: 'cpu-returns',
  summary: 'a CPU is taken down, a block falls apart while it is away, and it is brought up again',
});

/** Only a stop keeps others from being in the middle of something that counts on the CPU. */
export const takenDownUnstopped = defineScenario({
  ...story,
  name: 'cpu-returns/not-stopped',
  summary: 'a CPU is taken down by somebody who has not stopped the machine: it is gone while others count on it',
  expect: 'chart',
  text: (good) => ({
    ...good,
    cpuHotplug: {
      ...good.cpuHotplug,
      *takedownCpu(cpu, k, target) {
        mark(cpu, 'cpu.dying');
        yield* loadAdd(cpu, k.symbols.variables.num_online_cpus, -1n);
        yield* store(cpu, percpuVariable(k, target, 'online'), 0n);
        yield* sendIpi(cpu, target, IPI_RESCHEDULE);
      },
    },
  }),
});

export const cpuReturnsScenarios: readonly Scenario[] = [cpuReturns, takenDownUnstopped];
