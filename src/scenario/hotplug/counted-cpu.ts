import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { CPU_WORDS } from '../../hardware/memory/layout.ts';
import type { Op } from '../../hardware/op.ts';
import { CPU_POWER } from '../../hardware/tlbi/dvm.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { reach } from '../staging/stage.ts';

/** A CPU goes after another one has counted it, and before it is waited for. */

/** Who goes: the last of the CPUs that come up early. */
export const last = ({ board }: Kernel): number => board.cpus.length - board.lateCpus.length - 1;

/** The stage from which on it goes, on threads: somebody has counted it, mostly. */
export const MAY_GO = 1;

/**
 * On threads CPU `who` is held up once it has counted, until the CPU is off or somebody waits for it to give the lock back: a wait that no
 * text has to fear that takes the lock.
 */
export function heldUpAfterCounting(who: number): (good: KernelText) => KernelText {
  return (good) => ({
    ...good,
    stopMachine: {
      ...good.stopMachine,
      *countOnline(cpu, k) {
        const online = yield* good.stopMachine.countOnline(cpu, k);
        if (cpu.controlled || cpu.id !== who) return online;
        reach(cpu, MAY_GO);
        while (isOn(cpu, last(k)) && !(yield* writerWaits(cpu, k)));
        return online;
      },
    },
  });
}

export function isOn({ dvm }: Cpu, id: number): boolean {
  return Atomics.load(dvm.cpuWords, id * CPU_WORDS + CPU_POWER) !== 0;
}

/** Somebody waits for cpu_hotplug_lock to be free: bit 1 of an rwsem's word. */
function* writerWaits(cpu: Cpu, k: Kernel): Op<boolean> {
  return ((yield* load(cpu, k.symbols.variables.cpu_hotplug_lock)) & 2n) !== 0n;
}
