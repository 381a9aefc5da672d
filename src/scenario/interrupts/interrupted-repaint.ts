import type { Cpu } from '../../hardware/cpu.ts';
import { isb } from '../../hardware/instruction/barrier.ts';
import { branchTo } from '../../hardware/instruction/branch.ts';
import { load, loadAdd } from '../../hardware/instruction/load-store.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { IRQ_DEVICE, raise } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { cpuInstallIdmap, cpuUninstallIdmap, idmapFlag } from '../../kernel/boot/idmap.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { localIrqRestore, localIrqSave } from '../../kernel/locking/preempt.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { setReservedTtbr1, waitWhileSet } from '../../kernel/repaint/repaint.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { armMeeting, meet, untilOthersMet } from '../staging/meeting.ts';
import { exchangeBuffer, untilHandled } from './device.ts';

/**
 * The repaint on a day when a device wants something of every CPU in the middle of it. It has to wait: multi_cpu_stop() has masked
 * interrupts, and where the others are parked there is no vector to take one by. Afterwards all are handled.
 */

/** CPUs whose handler allocates; all others only read. */
const BUSY_CPUS = 4;

/** Every line is up from the middle of the stop on. */
function lineUpInTheMiddle(good: KernelText): KernelText {
  const { repaint } = good;
  return {
    ...good,
    repaint: {
      ...repaint,
      *waitForBootCpu(cpu, k) {
        raise(cpu, cpu.id, IRQ_DEVICE);
        yield* repaint.waitForBootCpu(cpu, k);
      },
      *waitForSecondaries(cpu, k) {
        raise(cpu, cpu.id, IRQ_DEVICE);
        yield* repaint.waitForSecondaries(cpu, k);
      },
    },
  };
}

/** The far ends of RAM, which were in blocks when the line went up, and a buffer. */
const handler = (id: number): Softirq =>
  function* (cpu, k) {
    for (const { base, bytes } of k.board.memory)
      yield* load(cpu, physToVirt(k.space, base + bytes - k.space.granule.pageBytes));
    if (id < BUSY_CPUS) yield* exchangeBuffer(cpu, k, id);
  };

/** Nobody reads what a handler takes away: all wait until the last of them is over. */
const onThreads: Program = function* (cpu, k) {
  if (k.board.lateCpus.includes(cpu.id)) yield* untilOthersMet(cpu);
  else {
    armMeeting(cpu, k, Infinity);
    yield* untilHandled(cpu);
    yield* meet(cpu);
  }
  yield* checkLinearMap(cpu, k);
};

const story: Pick<Scenario, 'board' | 'kernel' | 'circumstances' | 'programs' | 'briefPrograms' | 'irq'> = {
  board: 'asymmetric-8',
  programs: () => onThreads,
  briefPrograms: () => briefWork,
  kernel: { kfence: 'early' },
  circumstances: lineUpInTheMiddle,
  irq: handler,
};

export const interruptedRepaint = defineScenario({
  ...story,
  name: 'interrupted-repaint',
  summary:
    'in the middle of the repaint every CPU is interrupted by a device: nobody takes that before the end of the stop',
});

/** As the good one, but that interrupts are let in for the time of the wait: whoever sleeps in WFE should be woken by them. */
function* waitWithInterruptsOn(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'repaint.parking');
  yield* cpuInstallIdmap(cpu, k);
  yield* branchTo(cpu, k.symbols.idmapText);
  const swapper = cpu.sysregs.TTBR1_EL1;
  yield* setReservedTtbr1(cpu, k);
  const flag = idmapFlag(k);
  mark(cpu, 'repaint.parked');
  localIrqRestore(cpu, false);
  yield* loadAdd(cpu, flag, 1n);
  yield* waitWhileSet(cpu, flag);
  localIrqSave(cpu, k, 'multi_cpu_stop()');
  yield* msr(cpu, 'TTBR1_EL1', swapper);
  yield* isb(cpu);
  mark(cpu, 'repaint.leaving');
  yield* cpuUninstallIdmap(cpu, k);
}

export const interruptsOnInIdmap = defineScenario({
  ...story,
  name: 'interrupted-repaint/interrupts-on-in-idmap',
  summary: 'parked CPUs let interrupts in while they wait: with a reserved TTBR1 there is no vector to take one by',
  expect: 'spurious-fault',
  text: (good) => ({
    ...good,
    repaint: {
      ...good.repaint,
      *waitForBootCpu(cpu, k) {
        raise(cpu, cpu.id, IRQ_DEVICE);
        yield* waitWithInterruptsOn(cpu, k);
      },
    },
  }),
});
