import type { Cpu } from '../../hardware/cpu.ts';
import { load, loadAdd, store } from '../../hardware/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { cpuOff, waitUntilOff } from '../../hardware/power.ts';
import { wfi } from '../../hardware/wait.ts';
import { type Kernel, percpuVariable } from '../kernel.ts';
import { downWrite, upWrite } from '../locking/locks.ts';
import { STOP_FUNCTION, stopMachineCpuslocked } from './stop-machine.ts';

/**
 * CPUs that go while the system runs. Linux: kernel/cpu.c. Whoever counts CPUs and then waits for as many must hold cpu_hotplug_lock
 * for reading as long: cpus_read_lock(), as stop_machine() does.
 */

/** The sentences of a CPU's end. A named bug replaces one of them. */
export interface CpuHotplugText {
  /** Linux: set_cpu_online(cpu, false), from take_cpu_down(), with all CPUs stopped. */
  readonly setCpuOffline: (cpu: Cpu, k: Kernel) => Op;
}

/** Linux: _cpu_down(), takedown_cpu(): CPU `target` is off when this returns. It must be idle, or come to be: `idleUntilOffline`. */
export function* cpuDown(cpu: Cpu, k: Kernel, target: number): Op {
  yield* downWrite(cpu, k, 'cpu_hotplug_lock');
  yield* store(cpu, k.symbols.variables.cpu_going_down, BigInt(target));
  yield* stopMachineCpuslocked(cpu, k, takeCpuDown, STOP_FUNCTION.takeCpuDown);
  yield* waitUntilOff(cpu, target); // op_cpu_kill()
  yield* upWrite(cpu, k, 'cpu_hotplug_lock');
}

/** Linux: take_cpu_down(), which runs on the CPU that goes; the others stand by. */
export function* takeCpuDown(cpu: Cpu, k: Kernel): Op {
  if ((yield* load(cpu, k.symbols.variables.cpu_going_down)) !== BigInt(cpu.id)) return;
  yield* k.text.cpuHotplug.setCpuOffline(cpu, k);
}

function* setCpuOffline(cpu: Cpu, k: Kernel): Op {
  yield* loadAdd(cpu, k.symbols.variables.num_online_cpus, -1n);
  yield* store(cpu, percpuVariable(k, cpu.id, 'online'), 0n);
}

/** Linux: do_idle() on a CPU that will be taken down, and then cpu_die(): PSCI CPU_OFF. */
export function* idleUntilOffline(cpu: Cpu, k: Kernel): Op {
  while ((yield* load(cpu, percpuVariable(k, cpu.id, 'online'))) !== 0n) yield* wfi(cpu, 'somebody to take it down');
  yield* cpuOff(cpu);
}

export const CPU_HOTPLUG_6_18: CpuHotplugText = { setCpuOffline };
