import type { Board } from '../../src/hardware/board/board.ts';
import { seededChooser, seedOf } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { acknowledge, interruptDue } from '../../src/hardware/interrupt.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import { boot, bringUp, idle, loadKernelImage, stopper } from '../../src/kernel/boot/boot.ts';
import { type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';

/**
 * All CPUs of a board in this one thread, in turns, up to where everybody is idle: the kernel's text as it is, no
 * worker, no delay, the same tables every time. For whoever wants to see what a boot leaves behind, not how.
 */

/** How far to go: the linear map is painted and CPU 0 online, or the system is running. */
export type BootedTo = 'painted' | 'running';

/** Turns that the largest board needs many times over. */
const MOST_TURNS = 1_000_000;

/** @throws Error when a CPU halts or the boot never ends: with the kernel's good text that is a defect of the simulator. */
export function bootInTurns(
  board: Board,
  config: KernelConfig,
  seed: number,
  until: BootedTo,
): { readonly machine: Machine; readonly kernel: Kernel } {
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  const kernels = board.cpus.map(() => createKernel(board, machine.layout, config, kernelText(config.revision)));
  const powered = until === 'painted' ? [board.cpus[0]] : board.cpus;
  const lives = powered.map((_, id) => {
    const cpu = cpuOf(machine, id, { choose: seededChooser(seedOf(seed, id)), controlled: false });
    return turns(cpu, kernels[id]!, until);
  });
  let alive = lives;
  for (let turn = 0; alive.length > 0; turn++) {
    if (turn > MOST_TURNS) throw new Error('the boot does not end');
    alive = alive.filter((life) => life.next().done !== true);
  }
  return { machine, kernel: kernels[0]! };
}

/** One CPU from power-on to idleness; yields whenever it is somebody else's turn. */
function* turns(cpu: Cpu, k: Kernel, until: BootedTo): Generator<void, void> {
  if (cpu.id !== 0) while (cpu.words[CPU_POWER] === 0) yield;
  const stack: Op[] = [life(cpu, k, until)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { done, value } = top.next();
    if (done === true) stack.pop();
    else if (value.kind === 'halt') throw new Error(`CPU ${cpu.id} halted: ${value.reason}`);
    else if (interruptDue(cpu)) {
      acknowledge(cpu);
      stack.push(stopper(cpu, k));
    } else yield;
  }
}

/** The programs that the CPU's chart starts, in its order. */
function* life(cpu: Cpu, k: Kernel, until: BootedTo): Op {
  yield* boot(cpu, k);
  if (until === 'painted') return;
  if (cpu.id === 0) yield* bringUp(cpu, k);
  else if (cpu.words[CPU_POWER] === 0) return; // refused
  yield* idle(cpu, k);
}
