import type { Op } from '../../hardware/op.ts';
import type { Kernel, TaskState } from '../kernel.ts';

/** What belongs to the running task, and changes hands with the CPU. Linux: struct thread_info, struct task_struct. */

export function newTask(): TaskState {
  return { lazyMmu: false, lazyMmuPending: false, lazyMmuDepth: 0, interruptDepth: 0 };
}

/**
 * Linux: __switch_to(), to a kernel thread that has been woken, and back when that sleeps again: lazy MMU mode is left as it
 * is, and whoever was in it is in it still. Barriers that are due stay so: the switch has a DSB of its own, which is not acted
 * out, and no ISB.
 */
export function* asThread<T>({ percpu }: Pick<Kernel, 'percpu'>, thread: Op<T>): Op<T> {
  const { lazyMmu, lazyMmuPending, lazyMmuDepth, interruptDepth } = percpu;
  become(percpu, NEW_TASK);
  const result = yield* thread;
  become(percpu, { lazyMmu, lazyMmuPending, lazyMmuDepth, interruptDepth });
  return result;
}

const NEW_TASK: TaskState = newTask();

function become(percpu: TaskState, task: TaskState): void {
  percpu.lazyMmu = task.lazyMmu;
  percpu.lazyMmuPending = task.lazyMmuPending;
  percpu.lazyMmuDepth = task.lazyMmuDepth;
  percpu.interruptDepth = task.interruptDepth;
}
