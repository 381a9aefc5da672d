import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { type Kernel, mark } from '../../kernel/kernel.ts';
import { kfenceInit } from '../../kernel/linear-map/kfence-core.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program } from '../scenario.ts';

/** A CPU without the capability arrives when the system already relies on it. */

/** The pool's pages may be a block, which is split in place: legal only while every CPU can stand it. */
function* enableKfence(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'split.started');
  yield* kfenceInit(cpu, k);
  mark(cpu, 'split.finished');
}

function* splitThenCheck(cpu: Cpu, k: Kernel): Op {
  yield* enableKfence(cpu, k);
  yield* checkLinearMap(cpu, k);
}

function* splitBriefly(cpu: Cpu, k: Kernel): Op {
  yield* enableKfence(cpu, k);
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
