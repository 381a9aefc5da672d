import type { Board } from '../../src/hardware/board/board.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import type { Memory } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine } from '../../src/hardware/system.ts';
import { boot, loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { DEFAULT_CONFIG, type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { kernelTree, type LeafRange, ranges, type Tree } from '../../src/kernel/ptdump/ptdump.ts';
import { kernelText } from '../../src/kernel/text.ts';

/** A machine whose CPU 0 has come up, alone; `tree` is the kernel's half. */
export interface Booted {
  readonly memory: Memory;
  readonly cpu: Cpu;
  readonly k: Kernel;
  readonly tree: Tree;
}

export function bootCpu(board: Board, config: Partial<KernelConfig> = {}, seed = 1): Booted {
  const { memory, layout } = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(memory);
  const cpu = cpuOf({ board, layout, memory }, 0, { choose: seededChooser(seed), controlled: false });
  const whole = { ...DEFAULT_CONFIG, ...config };
  const k = createKernel(board, layout, whole, kernelText(whole.revision));
  complete(boot(cpu, k));
  return { memory, cpu, k, tree: kernelTree(k.space, k.symbols.swapperPgDir) };
}

/** Runs the operation to its end. @throws when the CPU halts, or waits for another. */
export function complete<T>(operation: Op<T>): T {
  const step = operation.next();
  if (step.done !== true) throw new Error(`${step.value.kind}: ${step.value.reason}`);
  return step.value;
}

/** What is mapped of the linear map. */
export function linearRanges({ k, memory, tree }: Booted): LeafRange[] {
  return ranges(memory, tree).filter(({ va }) => va < k.space.pageEnd);
}
