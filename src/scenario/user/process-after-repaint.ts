import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { type Kernel, mark } from '../../kernel/kernel.ts';
import { cpuSetReservedTtbr0, mmNumber } from '../../kernel/user/mm.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { runIn, startProcess } from './asid-reuse.ts';

/**
 * Processes begin when the repaint is over. Most CPUs have been in the idmap by then, whose entries are global: what is left of them
 * in a TLB would be found by any process at those addresses.
 */

function* user(cpu: Cpu, k: Kernel): Op {
  if (cpu.id === 0) yield* runIn(cpu, k, (yield* startProcess(cpu, k, 0)).mm, 0);
  else yield* runIn(cpu, k, yield* mmNumber(cpu, k, 0), 0);
}

const programs = (): Program => user;

export const processAfterRepaint = defineScenario({
  name: 'process-after-repaint',
  summary: 'CPUs that were parked in the idmap run a process: nothing of the idmap is left in their TLBs',
  board: 'asymmetric-8',
  programs,
});

/** TTBR0 has left the idmap, and the TLB has not. */
export const idmapLeftInTlb = defineScenario({
  name: 'process-after-repaint/idmap-left-in-tlb',
  summary: 'who leaves the idmap drops nothing: its global entries stay, for whatever process comes next',
  board: 'asymmetric-8',
  expect: 'stale',
  programs,
  text: (good) => ({
    ...good,
    repaint: {
      ...good.repaint,
      *leaveIdmap(cpu, k) {
        yield* cpuSetReservedTtbr0(cpu, k);
        mark(cpu, 'idmap.uninstalled');
      },
    },
  }),
});

export const processTwins: readonly Scenario[] = [idmapLeftInTlb];
