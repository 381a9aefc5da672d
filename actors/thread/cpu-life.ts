import { type Actor, createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { type CpuEvent, type ProgramLogic, standing } from '../../machines/cpu/cpu-chart.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import { faultOf, formatFault } from '../../src/arch/fault.ts';
import { chartViolation } from '../../src/check/chart/chart.ts';
import { panicViolation } from '../../src/check/progress/panic.ts';
import { standardProperties } from '../../src/check/standard.ts';
import type { Report, Violation } from '../../src/check/violation.ts';
import { observerOf } from '../../src/check/watch.ts';
import { seededChooser, seedOf } from '../../src/hardware/chooser.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { acknowledge, interruptDue } from '../../src/hardware/interrupt.ts';
import { CONTROL_STOP, commitPool, read } from '../../src/hardware/memory/memory.ts';
import { attachTextSlots, type TextSlots, writeText } from '../../src/hardware/memory/text-slot.ts';
import type { Op } from '../../src/hardware/op.ts';
import { attachMachine, cpuOf, type Machine, traceOf } from '../../src/hardware/system.ts';
import { CPU_IRQ_PENDING, CPU_POWER, CPU_STATUS } from '../../src/hardware/tlbi/dvm.ts';
import { boot, bringUp, handleInterrupt, idle } from '../../src/kernel/boot/boot.ts';
import { CAP_PRESENT, cpuSupportsBbml2Noabort } from '../../src/kernel/boot/cpufeature.ts';
import { vectorsUnreachable } from '../../src/kernel/boot/vectors.ts';
import { createKernel, type Kernel, variablePa } from '../../src/kernel/kernel.ts';
import { interruptTaken } from '../../src/kernel/locking/softirq.ts';
import { MARKS, type Mark } from '../../src/kernel/marks.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { checkLinearMap } from '../../src/scenario/check-linear-map.ts';
import { handlersOf, textOf } from '../../src/scenario/scenario.ts';
import {
  type CpuAssignment,
  type CpuReport,
  type CpuResult,
  STATUS_DONE,
  STATUS_OFF,
  STATUS_RUNNING,
} from './protocol.ts';
import { breatheOf, relaxOf, step, turnsOf } from './runner.ts';
import { loadScenario } from './scenario-loader.ts';

/** Reports of one property that one CPU sends in one run: the first ones matter. */
const MOST_REPORTS = 3;

/** Steps of each CPU that are kept with a violation. */
const STEPS_BEFORE = 96;

/** A program under way, and how its chart is told that it has ended. */
interface Running {
  readonly program: Op;
  readonly finished: () => void;
}

/**
 * One CPU in its own thread: the chart decides which program runs, the program's marks move the chart, and whatever the
 * chart does not accept is reported. Programs form a stack, for an interrupt's handler runs above what it interrupts.
 */
export class CpuLife {
  readonly #assignment: CpuAssignment;
  readonly #machine: Machine;
  readonly #cpu: Cpu;
  readonly #kernel: Kernel;
  readonly #texts: TextSlots;
  readonly #actor: Actor<typeof cpuMachine>;
  readonly #post: (report: CpuReport) => void;
  readonly #stack: Running[] = [];
  readonly #reports = new Map<string, number>();
  #events = 0;
  #fault: { readonly code: number; readonly va: number } | undefined;

  /** Attaches to the machine. Rejects when the scenario cannot be loaded. */
  static async prepare(assignment: CpuAssignment, post: (report: CpuReport) => void): Promise<CpuLife> {
    const scenario = await loadScenario(assignment.scenario);
    const { machine: handle, cpu: id, kernel: config } = assignment;
    const machine = attachMachine(handle);
    if (id === 0) commitPool(machine.memory);
    const text = textOf(scenario, kernelText(config.revision));
    const kernel = createKernel(handle.board, handle.layout, config, text);
    return new CpuLife(assignment, machine, kernel, scenario.programs?.(id) ?? checkLinearMap, scenario, post);
  }

  private constructor(
    assignment: CpuAssignment,
    machine: Machine,
    kernel: Kernel,
    work: (cpu: Cpu, kernel: Kernel) => Op,
    scenario: Awaited<ReturnType<typeof loadScenario>>,
    post: (report: CpuReport) => void,
  ) {
    const { cpu: id, seed } = assignment;
    this.#assignment = assignment;
    this.#machine = machine;
    this.#kernel = kernel;
    this.#post = post;
    this.#texts = attachTextSlots(machine.memory, machine.layout, id);
    const observer = observerOf([...standardProperties, ...(scenario.properties ?? [])], {
      kernel,
      report: this.#report,
    });
    this.#cpu = cpuOf(machine, id, {
      choose: seededChooser(seedOf(seed, id)),
      controlled: false,
      observer: {
        ...observer,
        faultTaken: (cpu, va, code, right) => {
          this.#fault = { code, va };
          observer.faultTaken(cpu, va, code, right);
        },
      },
      onMark: (mark) => this.#marked(MARKS[mark]!),
      breathe: breatheOf(assignment.noisy),
      burst: turnsOf(machine.memory.control, assignment.burstsAtOnce),
      relax: relaxOf(machine.memory),
      nowMs: () => performance.timeOrigin + performance.now(),
    });
    const program = (make: () => Op): ProgramLogic => ({
      ...standing,
      start: (_snapshot, { self }) => {
        this.#stack.push({ program: make(), finished: () => self.send({ type: 'program.finished' }) });
      },
    });
    this.#actor = createActor(
      cpuMachine.provide({
        actors: {
          bootProgram: program(() => boot(this.#cpu, kernel)),
          bringUpProgram: program(() => bringUp(this.#cpu, kernel)),
          idleProgram: program(() => idle(this.#cpu, kernel)),
          workProgram: program(() => work(this.#cpu, kernel)),
          stopperProgram: program(() => handleInterrupt(this.#cpu, kernel, handlersOf(scenario, id))),
        },
      }),
      {
        input: {
          cpu: id,
          isBootCpu: id === 0,
          isLate: machine.board.lateCpus.includes(id),
          qualifies: cpuSupportsBbml2Noabort(machine.board.cpus[id]!, kernel.config.revision),
        },
      },
    );
  }

  /** From power-on to the machine's end. Blocks the thread. */
  run(): CpuResult {
    const cpu = this.#cpu;
    this.#actor.start();
    this.#showState();
    if (cpu.id === 0) Atomics.store(cpu.words, CPU_POWER, 1);
    if (!this.#awaitPower()) return this.#result('stopped');
    this.#powerOn();
    for (;;) {
      const top = this.#stack.at(-1);
      if (top === undefined && this.#wentOff()) {
        if (!this.#awaitPower()) return this.#result('done');
        this.#powerOn();
        continue;
      }
      if (top === undefined) {
        if (this.#rest() === 'stopped') return this.#result(this.#ended());
        this.#takeInterrupt();
        continue;
      }
      const stepped = step(cpu, top.program, this.#texts, this.#assignment.sliceMs);
      if (stepped === 'stopped') return this.#result('stopped');
      if (stepped === 'halted') {
        this.#reportDeath();
        return this.#result('halted');
      }
      if (stepped === 'interrupted') this.#takeInterrupt();
      else {
        this.#stack.pop();
        top.finished();
        this.#showState();
      }
    }
  }

  #takeInterrupt(): void {
    interruptTaken(this.#kernel, acknowledge(this.#cpu));
    const lost = vectorsUnreachable(this.#cpu, this.#kernel);
    if (lost !== undefined) {
      this.#stack.push({ program: lost, finished: () => {} }); // never: it ends in a halt
      return;
    }
    this.#send({ type: 'interrupt.raised' });
  }

  #powerOn(): void {
    Atomics.store(this.#cpu.words, CPU_STATUS, STATUS_RUNNING);
    this.#send({ type: 'power.on' });
    if (this.#kernel.board.lateCpus.includes(this.#cpu.id))
      this.#send({ type: 'capabilities.known', reliesOnBbml2: this.#systemReliesOnBbml2() });
  }

  /**
   * True where the CPU was taken down, which its chart is told; one that was refused does not come back. Its translation says that
   * it was reset, and not its power, which another CPU may have given it again by now.
   */
  #wentOff(): boolean {
    if (this.#cpu.mmuOn || this.#actor.getSnapshot().hasTag('ended')) return false;
    this.#send({ type: 'power.off' });
    return true;
  }

  /** Sleeps until PSCI CPU_ON. False: the machine stopped first. */
  #awaitPower(): boolean {
    const { words, memory } = this.#cpu;
    Atomics.store(words, CPU_STATUS, STATUS_OFF);
    while (Atomics.load(words, CPU_POWER) === 0) {
      if (Atomics.load(memory.control, CONTROL_STOP) !== 0) return false;
      Atomics.wait(words, CPU_POWER, 0, this.#assignment.sliceMs);
    }
    return true;
  }

  /** Nothing left to do: sleeps until an interrupt or the machine's end. */
  #rest(): 'interrupted' | 'stopped' {
    const { words, memory } = this.#cpu;
    Atomics.store(words, CPU_STATUS, STATUS_DONE);
    for (;;) {
      if (Atomics.load(memory.control, CONTROL_STOP) !== 0) return 'stopped';
      if (interruptDue(this.#cpu)) {
        Atomics.store(words, CPU_STATUS, STATUS_RUNNING);
        return 'interrupted';
      }
      // A pending interrupt that is masked (a refused CPU) is nothing to wake up for.
      Atomics.wait(words, CPU_IRQ_PENDING, Atomics.load(words, CPU_IRQ_PENDING), this.#assignment.sliceMs);
    }
  }

  #ended(): CpuResult['end'] {
    return this.#actor.getSnapshot().hasTag('ended') ? 'refused' : 'done';
  }

  #result(end: CpuResult['end']): CpuResult {
    const state = statePath(this.#actor.getSnapshot());
    this.#actor.stop();
    return { cpu: this.#cpu.id, state, end, events: this.#events };
  }

  /** A milestone: the chart must accept it here and now. */
  #marked(mark: Mark): void {
    this.#send({ type: mark } as CpuEvent);
  }

  #send(event: CpuEvent): void {
    const snapshot = this.#actor.getSnapshot();
    this.#events++;
    if (!accepts(snapshot, event)) {
      const { id, step: at } = this.#cpu;
      this.#reportViolation(chartViolation(id, at, event.type, statePath(snapshot)));
      return;
    }
    this.#actor.send(event);
    this.#showState();
  }

  /** The CPU will never run again: of an exception, which has been reported, or of a panic, which says why itself. */
  #reportDeath(): void {
    if (this.#fault === undefined) {
      const { id, step: at, point } = this.#cpu;
      const violation = panicViolation(id, at, point.reason);
      this.#reportViolation(violation);
      return;
    }
    const fault = faultOf(this.#fault.code, { va: this.#fault.va, access: 'read', el: 1 })!;
    this.#actor.send({ type: 'fault.taken', kind: fault.kind, fault: formatFault(fault) });
    this.#showState();
  }

  #showState(): void {
    writeText(this.#texts.state, statePath(this.#actor.getSnapshot()));
  }

  #systemReliesOnBbml2(): boolean {
    const { memory } = this.#cpu;
    return read(memory, variablePa(this.#kernel, 'cpu_hwcaps_bbml2_noabort')) === CAP_PRESENT;
  }

  readonly #report: Report = (cpu, property, message, evidence, remedy = '') => {
    this.#reportViolation({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
  };

  #reportViolation(violation: Violation): void {
    const sent = this.#reports.get(violation.property) ?? 0;
    this.#reports.set(violation.property, sent + 1);
    if (sent >= MOST_REPORTS) return;
    const trace = sent === 0 ? traceOf(this.#machine, STEPS_BEFORE) : []; // the rings go on: keep how it came to this
    this.#post({ type: 'violation', violation, trace });
  }
}
