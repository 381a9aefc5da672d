import type { Cpu } from '../../hardware/cpu.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { waitForWord } from '../../hardware/instruction/wait.ts';
import { IPI_CALL_FUNC } from '../../hardware/interrupt.ts';
import { CPU_WORDS } from '../../hardware/memory/layout.ts';
import type { Op } from '../../hardware/op.ts';
import { CPU_IRQ_PENDING } from '../../hardware/tlbi/dvm.ts';
import { type Kernel, percpuVariable } from '../kernel.ts';
import { CPU_IS_ONLINE } from './boot.ts';

/**
 * Linux: kick_all_cpus_sync(), kernel/smp.c: every other CPU that is online has taken an interrupt when this returns, and so has
 * synchronised its context. May have to wait for CPUs that have masked interrupts.
 */
export function* kickAllCpusSync(cpu: Cpu, k: Kernel): Op {
  const others: number[] = [];
  for (let id = 0; id < k.board.cpus.length; id++)
    if (id !== cpu.id && (yield* load(cpu, percpuVariable(k, id, 'online'))) === CPU_IS_ONLINE) others.push(id);
  for (const id of others) yield* sendIpi(cpu, id, IPI_CALL_FUNC);
  for (const id of others) yield* interruptTaken(cpu, id);
}

/** The function that is called does nothing: that the interrupt is no longer pending says all. */
function* interruptTaken(cpu: Cpu, target: number): Op {
  const { cpuWords } = cpu.dvm;
  const at = target * CPU_WORDS + CPU_IRQ_PENDING;
  for (let pending = Atomics.load(cpuWords, at); (pending & IPI_CALL_FUNC) !== 0; pending = Atomics.load(cpuWords, at))
    yield* waitForWord(cpu, (cpuWords.byteOffset >> 2) + at, pending, `CPU ${target} to take the interrupt of a kick`);
}
