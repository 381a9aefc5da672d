import type { Cpu } from '../../hardware/cpu.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { wfi } from '../../hardware/instruction/wait.ts';
import { armTimer, IRQ_DEVICE, interruptDue } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { kfenceGuardedAlloc, kfenceGuardedFree, kfenceObject } from '../../kernel/linear-map/kfence-core.ts';

/**
 * A device that wants something while page tables change. Under the explorer CPU 0 raises its line, as often as it likes and wherever
 * the others are then; on threads each CPU has a device of its own, which strikes within some instructions.
 */

/** CPU 0 raises the line of CPU `target`. A line that is up already stays up. */
export function* raiseLine(cpu: Cpu, k: Kernel, target: number): Op {
  if (target < k.board.cpus.length && !k.board.lateCpus.includes(target)) yield* sendIpi(cpu, target, IRQ_DEVICE);
}

/** On threads: the line of this CPU's own device is up within `within` instructions. */
export function lineWithin(cpu: Cpu, within: number): void {
  armTimer(cpu, within, IRQ_DEVICE);
}

/** Returns when nothing is pending any more. */
export function* untilHandled(cpu: Cpu): Op {
  while (interruptDue(cpu)) yield* wfi(cpu, 'its device');
}

/**
 * The driver frees a buffer and allocates another: KFENCE, which was enabled at boot and has pages of its own, takes one out of
 * the linear map and puts it back. Any context may do so. Object `id` is this CPU's.
 */
export function* exchangeBuffer(cpu: Cpu, k: Kernel, id: number): Op {
  if (k.kfencePool === undefined) return;
  const object = kfenceObject(k, id);
  yield* kfenceGuardedFree(cpu, k, object);
  yield* kfenceGuardedAlloc(cpu, k, object);
}
