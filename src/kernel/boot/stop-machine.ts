import type { Cpu } from '../../hardware/cpu.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import { IPI_RESCHEDULE } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { mark, percpuVariable } from '../kernel.ts';
import { downRead, mutexLock, mutexUnlock, upRead } from '../locking/locks.ts';
import { deferred, localIrqRestore, localIrqSave } from '../locking/preempt.ts';

/**
 * Brings every online CPU to a standstill and runs one function on all of them. Linux: kernel/stop_machine.c,
 * multi_cpu_stop(): a state machine that all CPUs step through together, each state entered when all have acknowledged
 * the one before.
 */

/** Linux: enum multi_stop_state. */
export const MULTI_STOP_NONE = 0n;
export const MULTI_STOP_PREPARE = 1n;
export const MULTI_STOP_DISABLE_IRQ = 2n;
export const MULTI_STOP_RUN = 3n;
export const MULTI_STOP_EXIT = 4n;

/** What runs on every CPU in state RUN. */
export type StopFunction = (cpu: Cpu, k: Kernel) => Op;

/** How the stoppers of the other CPUs know what to run: as a number in the work that is queued for them. */
export const STOP_FUNCTION = { linearMapSplitToPtes: 0, takeCpuDown: 1, nothing: 2 } as const;
export type StopFunctionNumber = (typeof STOP_FUNCTION)[keyof typeof STOP_FUNCTION];

/** The sentences of the stop. A named bug replaces one of them. */
export interface StopMachineText {
  /** Runs `stop` while no CPU comes or goes. */
  readonly guarded: (cpu: Cpu, k: Kernel, stop: Op) => Op;
  /** How many CPUs have to come. */
  readonly countOnline: (cpu: Cpu, k: Kernel) => Op<bigint>;
}

/** Linux: cpus_read_lock(), cpus_read_unlock(). */
function* guarded(cpu: Cpu, k: Kernel, stop: Op): Op {
  yield* downRead(cpu, k, 'cpu_hotplug_lock');
  yield* stop;
  yield* upRead(cpu, k, 'cpu_hotplug_lock');
}

function* countOnline(cpu: Cpu, k: Kernel): Op<bigint> {
  return yield* load(cpu, k.symbols.variables.num_online_cpus);
}

export const STOP_MACHINE_6_18: StopMachineText = { guarded, countOnline };

/** Linux: stop_machine(fn, NULL, cpu_online_mask): called where one may sleep. `number`: of `fn`. */
export function* stopMachine(cpu: Cpu, k: Kernel, fn: StopFunction, number: StopFunctionNumber = 0): Op {
  yield* k.text.stopMachine.guarded(cpu, k, stopMachineCpuslocked(cpu, k, fn, number));
}

/** Linux: stop_machine_cpuslocked(), stop_cpus(): one CPU at a time. Who is to come is counted before that. */
export function* stopMachineCpuslocked(cpu: Cpu, k: Kernel, fn: StopFunction, number: StopFunctionNumber): Op {
  const online = yield* k.text.stopMachine.countOnline(cpu, k);
  yield* mutexLock(cpu, k, 'stop_cpus_mutex');
  yield* stopCpus(cpu, k, fn, number, online);
  yield* mutexUnlock(cpu, k, 'stop_cpus_mutex');
}

/** Linux: __stop_cpus(): queues the work for every stopper, this CPU's own included, and waits until all have done it. */
function* stopCpus(cpu: Cpu, k: Kernel, fn: StopFunction, number: StopFunctionNumber, online: bigint): Op {
  const { variables } = k.symbols;
  yield* store(cpu, variables.multi_stop_num_threads, online);
  yield* store(cpu, variables.cpu_stop_done, online);
  yield* setState(cpu, k, MULTI_STOP_PREPARE, online);
  for (let target = 0; target < k.board.cpus.length; target++) {
    if (target === cpu.id || (yield* load(cpu, percpuVariable(k, target, 'online'))) === 0n) continue;
    yield* store(cpu, percpuVariable(k, target, 'stopWork'), 1n + BigInt(number));
    yield* sendIpi(cpu, target, IPI_RESCHEDULE); // wakes the target's stopper thread
  }
  yield* multiCpuStop(cpu, k, fn);
  yield* waitForStoppers(cpu, k);
}

/** Linux: wait_for_completion() on the stop's done count: nobody is inside any more. */
function* waitForStoppers(cpu: Cpu, k: Kernel): Op {
  const { cpu_stop_done } = k.symbols.variables;
  for (;;) {
    const left = yield* load(cpu, cpu_stop_done);
    if (left === 0n) return;
    yield* relaxWhile(cpu, cpu_stop_done, left, 'stop_machine: the other CPUs to leave');
  }
}

/** Linux: cpu_stopper_thread(): true if there was work for this CPU. A thread: it waits while preemption is disabled. */
export function* takeStopWork(cpu: Cpu, k: Kernel): Op<boolean> {
  if (deferred(k)) return false;
  const work = percpuVariable(k, cpu.id, 'stopWork');
  // One thread a CPU takes each piece of work once: an interrupt in between would bring the next one along.
  const masked = localIrqSave(cpu, k, 'raw_spin_lock_irq(&stopper->lock)');
  const queued = yield* load(cpu, work);
  if (queued !== 0n) {
    k.percpu.stopData = Number(queued) - 1;
    yield* store(cpu, work, 0n);
  }
  localIrqRestore(cpu, masked);
  return queued !== 0n;
}

/** Linux: multi_cpu_stop(). */
export function* multiCpuStop(cpu: Cpu, k: Kernel, fn: StopFunction): Op {
  const { variables } = k.symbols;
  const masked = cpu.irqMasked;
  let current = MULTI_STOP_NONE;
  while (current !== MULTI_STOP_EXIT) {
    const state = yield* load(cpu, variables.multi_stop_state);
    if (state === current) {
      yield* relaxWhile(cpu, variables.multi_stop_state, state, `stop_machine: state ${STATES[Number(state) + 1]}`);
      continue;
    }
    current = state;
    mark(cpu, ENTERED[Number(state)]!);
    if (state === MULTI_STOP_DISABLE_IRQ) localIrqSave(cpu, k, 'multi_cpu_stop()');
    if (state === MULTI_STOP_RUN) yield* fn(cpu, k);
    yield* ackState(cpu, k, current);
  }
  localIrqRestore(cpu, masked);
  yield* loadAdd(cpu, variables.cpu_stop_done, -1n);
}

const STATES = ['NONE', 'PREPARE', 'DISABLE_IRQ', 'RUN', 'EXIT', 'EXIT'] as const;
const ENTERED = [
  'stopMachine.prepare',
  'stopMachine.prepare',
  'stopMachine.irqsOff',
  'stopMachine.run',
  'stopMachine.exit',
] as const;

/** Linux: ack_state(): the last CPU to acknowledge sets the next state. */
function* ackState(cpu: Cpu, k: Kernel, current: bigint): Op {
  const { variables } = k.symbols;
  const before = yield* loadAdd(cpu, variables.multi_stop_thread_ack, -1n);
  if (before !== 1n || current === MULTI_STOP_EXIT) return;
  yield* setState(cpu, k, current + 1n, yield* load(cpu, variables.multi_stop_num_threads));
}

/** Linux: set_state(): the acknowledgements are reset before the state that asks for them is visible. */
function* setState(cpu: Cpu, k: Kernel, state: bigint, threads: bigint): Op {
  yield* store(cpu, k.symbols.variables.multi_stop_thread_ack, threads);
  yield* store(cpu, k.symbols.variables.multi_stop_state, state);
}
