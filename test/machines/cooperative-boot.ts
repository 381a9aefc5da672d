import { type Actor, createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { type CpuEvent, type CpuInput, type MarkEvent, standing } from '../../machines/cpu/cpu-chart.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import { FAULTS } from '../../src/hardware/counters.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { acknowledge, interruptDue } from '../../src/hardware/interrupt.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import { boot, bringUp, idle, loadKernelImage, stopper, touchLinearMap } from '../../src/kernel/boot/boot.ts';
import { cpuSupportsBbml2Noabort, systemSupportsBbml2Noabort } from '../../src/kernel/boot/cpufeature.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel, type KernelText, mark } from '../../src/kernel/kernel.ts';
import { MARKS, type Mark } from '../../src/kernel/marks.ts';
import { kernelText } from '../../src/kernel/text.ts';

/**
 * The kernel's own generators on all CPUs of a board, in one thread and in turns, under the control of one chart per
 * CPU: the smallest driver that the charts can have.
 */

export interface SeenEvent {
  readonly cpu: number;
  readonly event: CpuEvent;
  /** Where its chart stood before. */
  readonly before: string;
}

export interface CooperativeBoot {
  /** Everything that the charts were told, in order, refused events included. */
  readonly seen: readonly SeenEvent[];
  /** What a chart did not accept: `cpu 1 repaint.painting in online: idle · deciding`. */
  readonly refused: readonly string[];
  readonly actors: readonly Actor<typeof cpuMachine>[];
  readonly inputs: readonly CpuInput[];
}

const ROUNDS = 20_000;

/** A preset with little memory. */
export function smallBoard(name: string, cpus?: number): Board {
  return resizedBoard(boardPresets.get(name)!, { memoryBytes: 2 ** 30, cpus });
}

export function bootInTurns(board: Board, change: (good: KernelText) => KernelText = (good) => good): CooperativeBoot {
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  loadKernelImage(machine.memory);
  const seen: SeenEvent[] = [];
  const refused: string[] = [];
  const text = change(kernelText(DEFAULT_CONFIG.revision));
  const driven = board.cpus.map((_, id) => new DrivenCpu(machine, id, text, seen, refused));
  driven[0]!.powerOn(false);
  for (let round = 0; round < ROUNDS && driven.some((cpu) => cpu.isBusy()); round++)
    for (const cpu of driven) {
      if (cpu.isPoweredOn()) cpu.powerOn(driven[0]!.systemRelies());
      cpu.step();
    }
  const actors = driven.map(({ actor }) => actor);
  return { seen, refused, actors, inputs: driven.map(({ input }) => input) };
}

interface Running {
  readonly program: Op;
  readonly finish: () => void;
}

class DrivenCpu {
  readonly actor: Actor<typeof cpuMachine>;
  readonly input: CpuInput;
  readonly #cpu: Cpu;
  readonly #kernel: Kernel;
  readonly #stack: Running[] = [];
  readonly #tell: (event: CpuEvent) => void;

  constructor(machine: Machine, id: number, text: KernelText, seen: SeenEvent[], refused: string[]) {
    const { board, layout } = machine;
    this.#tell = (event) => {
      const snapshot = this.actor.getSnapshot();
      const before = statePath(snapshot);
      seen.push({ cpu: id, event, before });
      if (!accepts(snapshot, event)) refused.push(`cpu ${id} ${event.type} in ${before}`);
      this.actor.send(event);
    };
    this.#kernel = createKernel(board, layout, DEFAULT_CONFIG, text);
    this.#cpu = cpuOf(machine, id, {
      choose: seededChooser(id + 1),
      controlled: false,
      onMark: (number) => this.#tell({ type: MARKS[number]! } as MarkEvent),
    });
    this.input = {
      cpu: id,
      isBootCpu: id === 0,
      isLate: board.lateCpus?.includes(id) ?? false,
      qualifies: cpuSupportsBbml2Noabort(board.cpus[id]!, DEFAULT_CONFIG.revision),
    };
    const runs = (program: (cpu: Cpu, k: Kernel) => Op): typeof standing => ({
      ...standing,
      start: (_, { self }) => {
        const finish = () => self.send({ type: 'program.finished' });
        this.#stack.push({ program: program(this.#cpu, this.#kernel), finish });
      },
    });
    const actors = {
      bootProgram: runs(boot),
      bringUpProgram: runs(bringUp),
      idleProgram: runs(idle),
      workProgram: runs(work),
      stopperProgram: runs(stopper),
    };
    this.actor = createActor(cpuMachine.provide({ actors }), { input: this.input }).start();
  }

  isBusy(): boolean {
    return this.#stack.length > 0;
  }

  /** Somebody switched this CPU on, and its chart does not know yet. */
  isPoweredOn(): boolean {
    return this.#cpu.words[CPU_POWER] === 1 && this.actor.getSnapshot().matches('off');
  }

  powerOn(reliesOnBbml2: boolean): void {
    this.#tell({ type: 'power.on' });
    if (this.input.isLate) this.#tell({ type: 'capabilities.known', reliesOnBbml2 });
  }

  systemRelies(): boolean {
    const answer = systemSupportsBbml2Noabort(this.#cpu, this.#kernel);
    for (;;) {
      const { done, value } = answer.next();
      if (done) return value;
    }
  }

  step(): void {
    const running = this.#stack.at(-1);
    if (running === undefined) return;
    const { done, value } = running.program.next();
    if (done) {
      this.#stack.pop();
      running.finish();
    } else if (value.kind === 'halt') {
      this.#stack.length = 0;
      if (this.#cpu.counts[FAULTS]! > 0) this.#tell({ type: 'fault.taken', kind: 'translation', fault: value.reason });
    } else if (interruptDue(this.#cpu)) {
      acknowledge(this.#cpu);
      this.#tell({ type: 'interrupt.raised' });
    }
  }
}

function* work(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'work.started');
  yield* touchLinearMap(cpu, k, 8);
  mark(cpu, 'work.finished');
}

export function marksOf(run: CooperativeBoot, cpu: number): Mark[] {
  const marks: ReadonlySet<string> = new Set(MARKS);
  return run.seen
    .filter((each) => each.cpu === cpu && marks.has(each.event.type))
    .map((each) => each.event.type as Mark);
}
