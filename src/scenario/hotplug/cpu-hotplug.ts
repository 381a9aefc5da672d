import type { Cpu } from '../../hardware/cpu.ts';
import { store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { cpuDown, idleUntilOffline } from '../../kernel/boot/cpu-hotplug.ts';
import { STOP_FUNCTION, stopMachine } from '../../kernel/boot/stop-machine.ts';
import { type Kernel, percpuVariable } from '../../kernel/kernel.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { until } from '../staging/stage.ts';
import { heldUpAfterCounting, last, MAY_GO } from './counted-cpu.ts';

/** A CPU is taken down while another one stops the machine: who goes must not have been counted among those that will come. */

function* nothing(): Op {}

function* stopForNothing(cpu: Cpu, k: Kernel): Op {
  yield* stopMachine(cpu, k, nothing, STOP_FUNCTION.nothing);
}

function* takeDownAndStop(cpu: Cpu, k: Kernel): Op {
  if (last(k) === 0) return;
  if (!cpu.controlled && last(k) >= 2) yield* until(cpu, MAY_GO);
  yield* cpuDown(cpu, k, last(k));
  yield* stopForNothing(cpu, k);
}

const program = (id: number): Program =>
  function* (cpu, k) {
    if (id === 0) yield* sequence(takeDownAndStop, briefWork)(cpu, k);
    else if (id === 1 && last(k) >= 2) yield* sequence(stopForNothing, briefWork)(cpu, k);
    else if (id === last(k)) yield* sequence(briefWork, idleUntilOffline)(cpu, k);
    else yield* briefWork(cpu, k);
  };

const story: Pick<Scenario, 'board' | 'programs' | 'circumstances'> = {
  board: 'asymmetric-8',
  programs: program,
  circumstances: heldUpAfterCounting(1),
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
