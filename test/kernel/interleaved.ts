import { standardProperties } from '../../src/check/standard.ts';
import type { Violation } from '../../src/check/violation.ts';
import { observerOf } from '../../src/check/watch.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { seededChooser, seedOf } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import { boot, loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { DEFAULT_CONFIG, type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel, type KernelText } from '../../src/kernel/kernel.ts';
import { MARKS, type Mark } from '../../src/kernel/marks.ts';
import { kernelText } from '../../src/kernel/text.ts';

/** All CPUs of a small board in one thread, one step each in an order that a seed decides. */
export interface Interleaved {
  readonly machine: Machine;
  readonly cpus: readonly Cpu[];
  readonly kernels: readonly Kernel[];
  readonly marks: { readonly cpu: number; readonly mark: Mark }[];
  readonly violations: Violation[];
}

/** Boots all CPUs, one after the other. */
export function bootAll(
  board: Board,
  config: Partial<KernelConfig> = {},
  seed = 1,
  change = (good: KernelText) => good,
): Interleaved {
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  const whole = { ...DEFAULT_CONFIG, ...config };
  const text = change(kernelText(whole.revision));
  const kernels = board.cpus.map(() => createKernel(board, machine.layout, whole, text));
  const marks: { cpu: number; mark: Mark }[] = [];
  const violations: Violation[] = [];
  const cpus = board.cpus.map((_, id) =>
    cpuOf(machine, id, {
      choose: seededChooser(seedOf(seed, id)),
      controlled: true,
      onMark: (mark) => marks.push({ cpu: id, mark: MARKS[mark]! }),
      observer: observerOf(standardProperties, {
        kernel: kernels[id]!,
        report: (cpu, property, message, evidence, remedy = '') => {
          violations.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
        },
      }),
    }),
  );
  for (const [id, cpu] of cpus.entries()) {
    Atomics.store(cpu.words, CPU_POWER, 1);
    runToEnd(boot(cpu, kernels[id]!));
  }
  return { machine, cpus, kernels, marks, violations };
}

/** So many CPUs in 256 MiB, booted; their marks so far are gone. */
export function bootSmall(
  cpus: number,
  config: Partial<KernelConfig> = {},
  seed = 1,
  change?: (good: KernelText) => KernelText,
): Interleaved {
  const machine = bootAll(resizedBoard(defaultBoard, { cpus, memoryBytes: 2 ** 28 }), config, seed, change);
  machine.marks.length = 0;
  return machine;
}

/** One program alone. @throws when it halts, or waits for somebody. */
export function runToEnd<T>(program: Op<T>): T {
  for (;;) {
    const { done, value } = program.next();
    if (done) return value;
    if (value.kind === 'wait' || value.kind === 'halt') throw new Error(`${value.kind}: ${value.reason}`);
  }
}

const MOST_STEPS = 2_000_000;

/** All programs to their ends, in an order that the seed decides. @throws when one halts, or none can go on. */
export function interleave(programs: readonly Op<unknown>[], seed: number): void {
  const choose = seededChooser(seed);
  const left = [...programs];
  for (let steps = 0; left.length > 0; steps++) {
    if (steps > MOST_STEPS) throw new Error('the programs do not come to an end');
    const at = choose(left.length, 'program');
    const { done, value } = left[at]!.next();
    if (done === true) left.splice(at, 1);
    else if (value.kind === 'halt') throw new Error(value.reason);
  }
}
