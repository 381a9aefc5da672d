import type { Cpu } from '../../hardware/cpu.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { cpuOff, cpuOn, waitUntilOff } from '../../hardware/instruction/power.ts';
import { relaxWhile, wfi } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import { type Kernel, mark, percpuVariable } from '../kernel.ts';
import { downWrite, upWrite } from '../locking/locks.ts';
import { STOP_FUNCTION, stopMachineCpuslocked } from './stop-machine.ts';

/**
 * CPUs that come and go while the system runs. Linux: kernel/cpu.c. Whoever counts CPUs and then waits for as many must hold cpu_hotplug_lock
 * for reading as long: cpus_read_lock(), as stop_machine() does.
 */

/** State of a CPU's `online` word: it lacks what the system relies on. */
export const CPU_WAS_REFUSED = 2n;

/** The sentences of a CPU's end. A named bug replaces one of them. */
export interface CpuHotplugText {
  /** Linux: takedown_cpu(), as far as `takeCpuDown` on CPU `target` goes. */
  readonly takedownCpu: (cpu: Cpu, k: Kernel, target: number) => Op;
  /** Linux: set_cpu_online(cpu, false), from take_cpu_down(), with all CPUs stopped. */
  readonly setCpuOffline: (cpu: Cpu, k: Kernel) => Op;
}

/** Linux: _cpu_down(), takedown_cpu(): CPU `target` is off when this returns. It must be idle, or come to be: `idleUntilOffline`. */
export function* cpuDown(cpu: Cpu, k: Kernel, target: number): Op {
  yield* downWrite(cpu, k, 'cpu_hotplug_lock');
  mark(cpu, 'cpuDown.started');
  yield* k.text.cpuHotplug.takedownCpu(cpu, k, target);
  yield* waitUntilOff(cpu, target); // op_cpu_kill()
  mark(cpu, 'cpuDown.finished');
  yield* upWrite(cpu, k, 'cpu_hotplug_lock');
}

/** All CPUs stand still while one of them becomes offline: nobody is in the middle of counting it. */
function* takedownCpu(cpu: Cpu, k: Kernel, target: number): Op {
  yield* store(cpu, k.symbols.variables.cpu_going_down, BigInt(target));
  yield* stopMachineCpuslocked(cpu, k, takeCpuDown, STOP_FUNCTION.takeCpuDown);
}

/** Linux: cpu_up(), _cpu_up(): CPU `target`, which is off, is online when this returns, or has been refused. May sleep. */
export function* cpuUp(cpu: Cpu, k: Kernel, target: number): Op {
  yield* downWrite(cpu, k, 'cpu_hotplug_lock');
  mark(cpu, 'cpuUp.started');
  yield* bringUpCpu(cpu, k, target);
  mark(cpu, 'cpuUp.finished');
  yield* upWrite(cpu, k, 'cpu_hotplug_lock');
}

/** Linux: __cpu_up(): PSCI CPU_ON, then wait until the CPU is online or has refused to be. */
export function* bringUpCpu(cpu: Cpu, k: Kernel, target: number): Op {
  yield* cpuOn(cpu, target);
  const word = percpuVariable(k, target, 'online');
  while ((yield* load(cpu, word)) === 0n) yield* relaxWhile(cpu, word, 0n, `CPU ${target} to come online`);
  if ((yield* load(cpu, word)) === CPU_WAS_REFUSED) yield* waitUntilOff(cpu, target); // op_cpu_kill()
}

/** Linux: take_cpu_down(), which runs on the CPU that goes; the others stand by. */
export function* takeCpuDown(cpu: Cpu, k: Kernel): Op {
  if ((yield* load(cpu, k.symbols.variables.cpu_going_down)) !== BigInt(cpu.id)) return;
  mark(cpu, 'cpu.dying');
  yield* k.text.cpuHotplug.setCpuOffline(cpu, k);
  k.percpu.isOffline = true;
}

function* setCpuOffline(cpu: Cpu, k: Kernel): Op {
  yield* loadAdd(cpu, k.symbols.variables.num_online_cpus, -1n);
  yield* store(cpu, percpuVariable(k, cpu.id, 'online'), 0n);
}

/** Linux: do_idle() on a CPU that will be taken down while the system runs, and then cpu_die(): PSCI CPU_OFF. */
export function* idleUntilOffline(cpu: Cpu, k: Kernel): Op {
  while ((yield* load(cpu, percpuVariable(k, cpu.id, 'online'))) !== 0n) yield* wfi(cpu, 'somebody to take it down');
  yield* cpuOff(cpu);
}

export const CPU_HOTPLUG_6_18: CpuHotplugText = { takedownCpu, setCpuOffline };
