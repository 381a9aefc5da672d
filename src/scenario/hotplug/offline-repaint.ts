import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import { cpuDown, idleUntilOffline } from '../../kernel/boot/cpu-hotplug.ts';
import { systemCapabilitiesFinalized, systemSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { waitUntilParked } from '../../kernel/repaint/repaint.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { reach, until } from '../staging/stage.ts';
import { heldUpAfterCounting, isOn, last, MAY_GO } from './counted-cpu.ts';

/**
 * A CPU is taken down by a kernel thread while the boot CPU comes to the repaint: before it, or after it, and never in the middle, for
 * stop_machine() holds cpu_hotplug_lock from before it counts who has to come until all have left. Nobody in Linux takes a CPU down
 * so early [I]; nothing but the lock would keep him from it.
 */

/** Whoever takes the CPU down; where nobody else is left for that, nobody goes. */
const BY = 1;
const goes = (k: Kernel): boolean => last(k) > BY;

function* takeDown(cpu: Cpu, k: Kernel): Op {
  const { system_capabilities_finalized: finalised } = k.symbols.variables;
  while (!(yield* systemCapabilitiesFinalized(cpu, k)))
    yield* relaxWhile(cpu, finalised, 0n, 'the capabilities to be final');
  if (!cpu.controlled && (yield* repaintIsDue(cpu, k))) yield* until(cpu, MAY_GO);
  yield* cpuDown(cpu, k, last(k));
}

function* repaintIsDue(cpu: Cpu, k: Kernel): Op<boolean> {
  const requiresBbml2 = (yield* load(cpu, k.symbols.variables.linear_map_requires_bbml2)) === 1n;
  return requiresBbml2 && !(yield* systemSupportsBbml2Noabort(cpu, k));
}

/** `isFirst`, on threads: the CPU is to be gone before the machine is stopped, and not when the boot CPU has counted it. */
function takenDownEarly(isFirst: (bootCpu: Cpu) => boolean): (good: KernelText) => KernelText {
  return (good) => {
    const held = heldUpAfterCounting(0)(good);
    return {
      ...held,
      early: {
        *work(cpu, k, stage) {
          yield* held.early.work(cpu, k, stage);
          if (stage === 'kthread' && cpu.id === BY && goes(k)) yield* takeDown(cpu, k);
        },
      },
      repaint: {
        ...held.repaint,
        *initFlag(cpu, k) {
          yield* held.repaint.initFlag(cpu, k);
          if (cpu.controlled || !goes(k) || !isFirst(cpu)) return;
          reach(cpu, MAY_GO);
          while (isOn(cpu, last(k))) yield* load(cpu, k.symbols.variables.num_online_cpus);
        },
      },
    };
  };
}

const program = (id: number): Program =>
  function* (cpu, k) {
    if (id === last(k) && goes(k)) yield* sequence(briefWork, idleUntilOffline)(cpu, k);
    else yield* briefWork(cpu, k);
  };

const story: Pick<Scenario, 'board' | 'programs' | 'circumstances'> = {
  board: 'asymmetric-8',
  programs: program,
  circumstances: takenDownEarly((cpu) => cpu.choose(2, 'program') === 1),
};

export const offlineRepaint = defineScenario({
  ...story,
  name: 'offline-repaint',
  summary: 'a CPU is taken down while the boot CPU stops the machine to repaint',
});

const countedBeforeLock = defineScenario({
  ...story,
  name: 'offline-repaint/counted-before-lock',
  summary:
    'the repaint counts the CPUs before cpus_read_lock(): one of them goes meanwhile, and never comes to the stop',
  expect: 'deadlock',
  circumstances: takenDownEarly(() => false),
  text: (good) => {
    const counted = new WeakMap<Cpu, bigint>();
    return {
      ...good,
      stopMachine: {
        *guarded(cpu, k, stop) {
          counted.set(cpu, yield* good.stopMachine.countOnline(cpu, k));
          yield* good.stopMachine.guarded(cpu, k, stop);
          counted.delete(cpu);
        },
        *countOnline(cpu, k) {
          return counted.get(cpu) ?? (yield* good.stopMachine.countOnline(cpu, k));
        },
      },
    };
  },
});

const waitsForAll = defineScenario({
  ...story,
  name: 'offline-repaint/waits-for-all',
  summary: 'the boot CPU waits until as many are parked as came up, and not as many as are online: one has gone',
  expect: 'deadlock',
  circumstances: takenDownEarly(() => true),
  text: (good) => ({
    ...good,
    repaint: {
      ...good.repaint,
      *waitForSecondaries(cpu, k) {
        yield* waitUntilParked(cpu, k, BigInt(last(k) + 1));
      },
    },
  }),
});

export const offlineRepaintTwins: readonly Scenario[] = [countedBeforeLock, waitsForAll];
