import { judgeCpu, judgeSystem } from '../../src/check/chart/chart.ts';
import { CPU_EVENT, PROGRAMS, type ProgramName } from '../../src/check/chart/chart-events.ts';
import { type BoardCharts, type CpuChart, NO_PROGRAM } from '../../src/check/chart/chart-table.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { acknowledge, interruptDue } from '../../src/hardware/interrupt.ts';
import { read } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import { boot, bringUp, idle, loadKernelImage, stopper } from '../../src/kernel/boot/boot.ts';
import { CAP_PRESENT } from '../../src/kernel/boot/cpufeature.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel, type KernelText, mark, variablePa } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';

/** The kernel on all CPUs of a board, in turns; which program a CPU runs after which is for its chart to say. */

export interface LivedInTurns {
  readonly violations: readonly Violation[];
  /** Every state that any chart came to, in order: `1 online: idle`; the system's own: `system running`. */
  readonly states: readonly string[];
}

const ROUNDS = 20_000;

export function liveInTurns(
  board: Board,
  charts: BoardCharts,
  change: (good: KernelText) => KernelText = (good) => good,
): LivedInTurns {
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  const lived = { violations: [] as Violation[], states: [] as string[] };
  const text = change(kernelText(DEFAULT_CONFIG.revision));
  const cpus = charts.cpus.map((_, id) => cpuInTurns(machine, id, charts, text, lived));
  cpus[0]!.cpu.words[CPU_POWER] = 1;
  for (let round = 0; round < ROUNDS && lived.violations.length === 0; round++) {
    let busy = false;
    for (const { step } of cpus) busy = step() || busy;
    if (!busy) break;
  }
  return lived;
}

function cpuInTurns(
  machine: Machine,
  id: number,
  { cpus, system }: BoardCharts,
  text: KernelText,
  lived: { readonly violations: Violation[]; readonly states: string[] },
): { readonly cpu: Cpu; readonly step: () => boolean } {
  const chart = cpus[id]!;
  const stack: { readonly name: ProgramName; readonly op: Op }[] = [];
  const kernel = createKernel(machine.board, machine.layout, DEFAULT_CONFIG, text);
  const tell = (event: number): void => {
    const violation = judgeCpu(chart, id, cpu.step, event);
    if (violation !== undefined) lived.violations.push(violation);
    lived.states.push(`${id} ${chart.state}`);
    startWhatIsDue(chart);
  };
  const startWhatIsDue = ({ started }: CpuChart): void => {
    if (started === NO_PROGRAM) return;
    const name = PROGRAMS[started]!;
    stack.push({ name, op: OPS[name](cpu, kernel) });
  };
  const cpu = cpuOf(machine, id, {
    choose: seededChooser(id + 1),
    controlled: false,
    onMark: (number) => {
      tell(number);
      const violation = judgeSystem(system, id, number);
      if (violation !== undefined) lived.violations.push(violation);
      lived.states.push(`system ${system.state}`);
    },
  });
  let off = true;
  const step = (): boolean => {
    if (off) {
      if (cpu.words[CPU_POWER] === 0) return false;
      off = false;
      tell(CPU_EVENT.powerOn);
      const cap = variablePa(kernel, 'cpu_hwcaps_bbml2_noabort');
      const relies = read(machine.memory, cap) === CAP_PRESENT;
      if (machine.board.lateCpus.includes(id)) tell(CPU_EVENT.capabilitiesKnown[relies ? 1 : 0]);
      return true;
    }
    if (interruptDue(cpu)) {
      acknowledge(cpu);
      tell(CPU_EVENT.interruptRaised);
    }
    const running = stack.at(-1);
    if (running === undefined) return false;
    if (running.op.next().done) {
      stack.pop();
      if (chart.step(CPU_EVENT.programFinished[running.name])) startWhatIsDue(chart);
      lived.states.push(`${id} ${chart.state}`);
    }
    return true;
  };
  return { cpu, step };
}

const OPS: Readonly<Record<ProgramName, (cpu: Cpu, kernel: Kernel) => Op>> = {
  boot,
  bringUp,
  idle,
  work: function* (cpu) {
    mark(cpu, 'work.started');
    mark(cpu, 'work.finished');
  },
  stopper,
};
