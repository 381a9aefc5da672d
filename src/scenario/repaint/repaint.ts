import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { cpuInstallIdmap, cpuUninstallIdmap, idmapFlag, ttbr } from '../../kernel/boot/idmap.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import type { RepaintText } from '../../kernel/repaint/repaint.ts';
import { waitWhileSet } from '../../kernel/repaint/repaint.ts';
import { REPAINT_PREALLOCATED } from '../../kernel/repaint/repaint-preallocated.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Scenario } from '../scenario.ts';
import { heldUp } from '../staging/held-up.ts';
import { leastAble } from '../staging/least-able.ts';
import { outOfTables } from './out-of-tables.ts';

/** The asymmetric repaint as merged, and what becomes of it when one sentence is changed. */

export const repaint = defineScenario({
  name: 'repaint',
  summary: 'the boot CPU may split blocks in place, others may not: stop, park in the idmap, repaint to pages, go on',
  board: 'asymmetric-8',
});

/**
 * Where spinlocks sleep, zone->lock does: the good text of 6.18 allocates in the stopped machine, and must not. Reported by Yeoreum
 * Yun (December 2025, 20251212161832.2067134-3).
 */
export const preemptRtAllocation = defineScenario({
  name: 'repaint/preempt-rt-allocation',
  summary:
    'under PREEMPT_RT the boot CPU allocates a table while all CPUs stand: GFP_ATOMIC sleeps on zone->lock there',
  board: 'asymmetric-8',
  expect: 'context',
  kernel: { preemptRt: true },
});

export const preemptRt = defineScenario({
  name: 'preempt-rt',
  summary: 'under PREEMPT_RT the tables of the repaint are allocated before the machine is stopped',
  board: 'asymmetric-8',
  kernel: { preemptRt: true },
  text: (good) => ({ ...good, repaint: REPAINT_PREALLOCATED }),
});

/** The same on a worse day: what befalls it is no fault of its text. */
export const heldUpCpu = defineScenario({
  name: 'held-up-cpu',
  summary: 'a CPU is held up on its way into the idmap: the boot CPU waits for it',
  board: 'asymmetric-8',
  circumstances: heldUp,
});

/** One sentence of the repaint changed. */
function twin(
  name: string,
  summary: string,
  expect: string,
  change: Partial<RepaintText>,
  circumstances?: Scenario['circumstances'],
): Scenario {
  return defineScenario({
    name: `repaint/${name}`,
    summary,
    board: 'asymmetric-8',
    expect,
    ...(circumstances && { circumstances }),
    text: (good: KernelText) => ({ ...good, repaint: { ...good.repaint, ...change } }),
  });
}

/** The secondaries spin on the flag where they are: on swapper, with a stack in the linear map. */
function* waitOnSwapper(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'repaint.parking');
  const flag = k.symbols.variables.idmap_kpti_bbml2_flag;
  yield* loadAdd(cpu, flag, 1n);
  for (;;) {
    yield* touchStack(cpu, k);
    const value = yield* load(cpu, flag);
    if (value === 0n) return;
    yield* relaxWhile(cpu, flag, value, 'the boot CPU to clear the repaint flag');
  }
}

/** A few words of a stack somewhere in RAM. */
function* touchStack(cpu: Cpu, k: Kernel): Op {
  const { base } = k.board.memory[0]!;
  for (let i = 0; i < 4; i++)
    yield* load(cpu, physToVirt(k.space, base + (cpu.id * 4 + i) * k.space.granule.pageBytes));
}

export const secondariesStayOnSwapper = twin(
  'secondaries-stay-on-swapper',
  'the secondaries wait where they are instead of in the idmap with a reserved TTBR1',
  'bbm',
  { waitForBootCpu: waitOnSwapper },
);

/** As the good one, but TTBR1 keeps pointing at swapper. */
function* waitInIdmapWithSwapper(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'repaint.parking');
  yield* cpuInstallIdmap(cpu, k);
  const flag = idmapFlag(k);
  mark(cpu, 'repaint.parked');
  yield* loadAdd(cpu, flag, 1n);
  yield* waitWhileSet(cpu, flag);
  mark(cpu, 'repaint.leaving');
  yield* cpuUninstallIdmap(cpu, k);
}

export const noReservedTtbr1 = twin(
  'no-reserved-ttbr1',
  'the secondaries wait in the idmap, but TTBR1 still points at swapper: their walkers go on',
  'bbm',
  { waitForBootCpu: waitInIdmapWithSwapper },
);

export const noFlush = twin('no-flush', 'nothing is flushed before the secondaries are released', 'stale', {
  *flush() {},
});

export const releaseBeforeFlushCompletes = twin(
  'release-before-flush-completes',
  'the secondaries are released between the TLBI and its DSB',
  'stale',
  {
    *flush(cpu) {
      yield* dsb(cpu, 'ishst');
      yield* tlbi(cpu, 'vmalle1is');
      yield* isb(cpu);
    },
    *release(cpu, k) {
      announce(cpu, 'repaint.released', k.space.pageOffset, k.space.pageEnd);
      yield* store(cpu, k.symbols.variables.idmap_kpti_bbml2_flag, 0n);
      yield* dsb(cpu, 'ish');
    },
  },
);

export const flagStartsAtZero = twin(
  'flag-starts-at-zero',
  'the flag does not count the boot CPU, which then waits for one CPU too many',
  'deadlock',
  {
    *initFlag(cpu, k) {
      yield* store(cpu, k.symbols.variables.idmap_kpti_bbml2_flag, 0n);
    },
  },
);

export const flagNotInIdmap = twin(
  'flag-not-in-idmap',
  'the idmap holds the code but not the flag: a parked CPU faults where no vector can be reached',
  'spurious-fault',
  { *mapFlag() {} },
);

export const painterWithoutBbml2 = twin(
  'painter-without-bbml2',
  'a CPU that may not change block sizes in place does the repaint, under its own feet',
  'bbm',
  { painter: (cpu, k) => cpu.id === leastAble(k) },
);

export const linkedBeforeVisible = twin(
  'linked-before-visible',
  'no barrier between filling a table and linking it',
  'spurious-fault',
  { *beforeLink() {} },
);

export const bootCpuDoesNotWait = twin(
  'boot-cpu-does-not-wait',
  'the boot CPU starts to split before everybody has parked: one CPU is held up on its way',
  'bbm',
  { *waitForSecondaries() {} },
  heldUp,
);

/** No sentence is changed: GFP_ATOMIC fails half-way through, and there is no way back. Linux panics by design. */
export const outOfMemory = defineScenario({
  name: 'repaint/out-of-memory',
  summary: 'a table cannot be allocated in the middle of the repaint: the kernel panics by design',
  board: 'asymmetric-8',
  expect: 'panic',
  circumstances: outOfTables,
});

/** The text of v5 as it was posted. */
export const earlyReturn = defineScenario({
  name: 'repaint/early-return',
  summary: 'the split that the repaint of v5 calls does nothing where the system lacks BBML2: all blocks stay',
  board: 'asymmetric-8',
  expect: 'linear-map',
  kernel: { revision: 'v5' },
  programs: () => briefWork, // a changed page would be the first to complain
});

export const reservedTtbr1WithoutIsb = twin(
  'reserved-ttbr1-without-isb',
  'the reserved TTBR1 is written, but no ISB puts it in force before the CPU counts itself parked',
  'bbm',
  {
    *setReservedTtbr1(cpu, k) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.reservedPgDir));
      yield* tlbi(cpu, 'vmalle1');
      yield* dsb(cpu, 'nsh');
    },
  },
);

export const reservedTtbr1WithoutTlbi = twin(
  'reserved-ttbr1-without-tlbi',
  'the reserved TTBR1 is in force, but the walk cache is not emptied: it still leads into the tables of swapper',
  'bbm',
  {
    *setReservedTtbr1(cpu, k) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.reservedPgDir));
      yield* isb(cpu);
    },
  },
);

export const twins: readonly Scenario[] = [
  secondariesStayOnSwapper,
  noReservedTtbr1,
  reservedTtbr1WithoutIsb,
  reservedTtbr1WithoutTlbi,
  noFlush,
  releaseBeforeFlushCompletes,
  flagStartsAtZero,
  flagNotInIdmap,
  painterWithoutBbml2,
  linkedBeforeVisible,
  bootCpuDoesNotWait,
  outOfMemory,
  earlyReturn,
  preemptRtAllocation,
];
