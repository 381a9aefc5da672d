import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { CPU_WORDS } from '../../hardware/memory/layout.ts';
import type { Op } from '../../hardware/op.ts';
import { CPU_POWER } from '../../hardware/tlbi/dvm.ts';
import { cpuDown, idleUntilOffline } from '../../kernel/boot/cpu-hotplug.ts';
import { STOP_FUNCTION, stopMachine } from '../../kernel/boot/stop-machine.ts';
import { type Kernel, type KernelText, percpuVariable } from '../../kernel/kernel.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { reach, until } from '../staging/stage.ts';

/** A CPU is taken down while another one stops the machine: who goes must not have been counted among those that will come. */

const last = ({ board }: Kernel): number => board.cpus.length - board.lateCpus.length - 1;

function* nothing(): Op {}

function* stopForNothing(cpu: Cpu, k: Kernel): Op {
  yield* stopMachine(cpu, k, nothing, STOP_FUNCTION.nothing);
}

function* takeDownAndStop(cpu: Cpu, k: Kernel): Op {
  if (last(k) === 0) return;
  if (!cpu.controlled && last(k) >= 2) yield* until(cpu, COUNTED);
  yield* cpuDown(cpu, k, last(k));
  yield* stopForNothing(cpu, k);
}

/** On threads nobody goes before CPU 1 has counted, where there is one that stays. */
const COUNTED = 1;

const program = (id: number): Program =>
  function* (cpu, k) {
    if (id === 0) yield* sequence(takeDownAndStop, briefWork)(cpu, k);
    else if (id === 1 && last(k) >= 2) yield* sequence(stopForNothing, briefWork)(cpu, k);
    else if (id === last(k)) yield* sequence(briefWork, idleUntilOffline)(cpu, k);
    else yield* briefWork(cpu, k);
  };

/**
 * On threads CPU 1 is held up once it has counted, until the CPU is off or somebody waits for it to give the lock back: a wait that no
 * text has to fear that takes the lock.
 */
function heldUpAfterCounting(good: KernelText): KernelText {
  return {
    ...good,
    stopMachine: {
      ...good.stopMachine,
      *countOnline(cpu, k) {
        const online = yield* good.stopMachine.countOnline(cpu, k);
        if (cpu.controlled || cpu.id !== 1) return online;
        reach(cpu, COUNTED);
        while (isOn(cpu, last(k)) && !(yield* writerWaits(cpu, k)));
        return online;
      },
    },
  };
}

function isOn({ dvm }: Cpu, id: number): boolean {
  return Atomics.load(dvm.cpuWords, id * CPU_WORDS + CPU_POWER) !== 0;
}

/** Somebody waits for cpu_hotplug_lock to be free: bit 1 of an rwsem's word. */
function* writerWaits(cpu: Cpu, k: Kernel): Op<boolean> {
  return ((yield* load(cpu, k.symbols.variables.cpu_hotplug_lock)) & 2n) !== 0n;
}

const story: Pick<Scenario, 'board' | 'programs' | 'circumstances'> = {
  board: 'asymmetric-8',
  programs: program,
  circumstances: heldUpAfterCounting,
};

export const cpuHotplug = defineScenario({
  ...story,
  name: 'cpu-hotplug',
  summary: 'a CPU is taken down while another one stops the machine',
});

function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({ ...story, ...definition, name: `cpu-hotplug/${definition.name}` });
}

export const stopWithoutLock = twin({
  name: 'stop-without-lock',
  summary: 'stop_machine() counts the CPUs without cpus_read_lock(): one of them goes, and is waited for',
  expect: 'deadlock',
  text: (good) => ({
    ...good,
    stopMachine: {
      ...good.stopMachine,
      *guarded(_cpu, _k, stop) {
        yield* stop;
      },
    },
  }),
});

export const offlineStillCounted = twin({
  name: 'offline-still-counted',
  summary: 'a CPU that has gone is still counted in num_online_cpus: the next stop waits for it',
  expect: 'deadlock',
  text: (good) => ({
    ...good,
    cpuHotplug: {
      ...good.cpuHotplug,
      *setCpuOffline(cpu, k) {
        yield* store(cpu, percpuVariable(k, cpu.id, 'online'), 0n);
      },
    },
  }),
});

export const cpuHotplugTwins: readonly Scenario[] = [stopWithoutLock, offlineStillCounted];
