import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { systemSupportsBbml2Noabort } from '../kernel/cpufeature.ts';
import { type Kernel, mark } from '../kernel/kernel.ts';
import { rangeSplitToPtes } from '../kernel/split.ts';
import { briefWork } from './brief-work.ts';
import { checkLinearMap } from './check-linear-map.ts';
import { defineScenario, type Program } from './scenario.ts';

/** A CPU without the capability arrives when the system already relies on it. */

/** Pages that a late KFENCE pool takes from the allocator: 2 MiB of them. */
const POOL_BYTES = 2 * 2 ** 20;

/**
 * Linux: arch_kfence_init_pool(), late: the pool's pages came from the allocator and may be block-mapped, so they are
 * split in place. Legal only while every CPU can stand it.
 */
function* initLateKfencePool(cpu: Cpu, k: Kernel): Op {
  if (!(yield* systemSupportsBbml2Noabort(cpu, k))) return;
  const bank = k.board.memory[0]!;
  const middle = bank.base + Math.floor(bank.bytes / 2 / POOL_BYTES) * POOL_BYTES;
  const start = physToVirt(k.space, middle);
  mark(cpu, 'split.started');
  yield* rangeSplitToPtes(cpu, k, start, start + POOL_BYTES, 'kernel');
  mark(cpu, 'split.finished');
}

function* splitThenCheck(cpu: Cpu, k: Kernel): Op {
  yield* initLateKfencePool(cpu, k);
  yield* checkLinearMap(cpu, k);
}

function* splitBriefly(cpu: Cpu, k: Kernel): Op {
  yield* initLateKfencePool(cpu, k);
  yield* briefWork(cpu, k);
}

const briefPrograms = (cpu: number): Program => (cpu === 0 ? splitBriefly : briefWork);

const programs = (cpu: number): Program => (cpu === 0 ? splitThenCheck : checkLinearMap);

export const lateCpu = defineScenario({
  name: 'late-cpu',
  summary: 'a late CPU without BBML2 is refused, so that the others may go on splitting in place',
  board: 'late-cpu',
  kernel: { kfence: 'late' },
  programs,
  briefPrograms,
});

export const lateCpuAdmitted = defineScenario({
  name: 'repaint/late-cpu-admitted',
  summary: 'a late CPU without BBML2 is let in although the linear map relies on it',
  board: 'late-cpu',
  expect: 'bbm',
  kernel: { kfence: 'late' },
  programs,
  briefPrograms,
  text: (good) => ({
    ...good,
    *verifyLocalCpuCaps() {
      return true;
    },
  }),
});
