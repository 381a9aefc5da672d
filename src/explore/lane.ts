import { judgeCpu } from '../check/chart/chart.ts';
import { CPU_EVENT } from '../check/chart/chart-events.ts';
import type { CpuChart } from '../check/chart/chart-table.ts';
import { panicViolation } from '../check/progress/panic.ts';
import type { StuckCpu } from '../check/progress/progress.ts';
import type { Violation } from '../check/violation.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { acknowledge, interruptDue } from '../hardware/interrupt.ts';
import { read } from '../hardware/memory/memory.ts';
import type { Op, Point } from '../hardware/op.ts';
import { buffered } from '../hardware/store-buffer/drain.ts';
import { CPU_POWER } from '../hardware/tlbi/dvm.ts';
import { CAP_PRESENT } from '../kernel/boot/cpufeature.ts';
import { vectorsUnreachable } from '../kernel/boot/vectors.ts';
import { type Kernel, variablePa } from '../kernel/kernel.ts';
import { interruptTaken } from '../kernel/locking/softirq.ts';
import type { Career } from './career.ts';

/** One CPU under the scheduler: its programs, and where it stands in them. */
export interface Lane {
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly career: Career;
  /** The running program, and what has interrupted it. */
  readonly stack: Op[];
  /** What of it interrupts have started. */
  readonly handlers: Set<Op>;
  /** The program of the present stage, and how many have been begun. */
  stage: Op | undefined;
  begun: number;
  /** It must not begin more than this many. */
  leave: number;
  /** What it is about to do; undefined until its program has come to its first point. */
  at: Point | undefined;
  halted: boolean;
  /** It was told that it may not come up. */
  refused: boolean;
  /** It is in the middle of a step: its program cannot be gone on with from elsewhere. */
  isRunning: boolean;
  /** As its own last act left it: whether it can go on whatever others do, has stores buffered, and walks the kernel's half. */
  runs: boolean;
  stores: boolean;
  walks: boolean;
  /** Called before the CPU goes on: may put a line on the stack that is tried out there. Mostly there is none. */
  beforeStep?: (lane: Lane) => void;
  /** Judges what the CPU does; undefined: nobody does. */
  readonly chart: CpuChart | undefined;
  /** What the charts refused: it says least, and does not end a run. */
  readonly refusals: Violation[];
}

/** The CPU has power, or is about to lose it. */
export function isOn({ cpu, stack }: Lane): boolean {
  return stack.length > 0 || cpu.words[CPU_POWER] !== 0;
}

/** A walk of the kernel's half that nobody asked for can find a translation: TTBR1 does not point at the empty table. */
function walksKernel({ cpu, kernel }: Lane): boolean {
  return cpu.mmuOn && cpu.regime1 !== undefined && cpu.regime1.root !== kernel.symbols.reservedPgDir;
}

/** To be called after each act of the CPU's own, or of its hardware. */
export function takeStock(lane: Lane): void {
  const { cpu, stack, at, halted } = lane;
  lane.runs = !halted && stack.length > 0 && at?.kind !== 'wait';
  lane.stores = !halted && buffered(cpu) > 0;
  lane.walks = !halted && isOn(lane) && walksKernel(lane);
}

function hasMore({ refused, begun, leave }: Lane): boolean {
  return !refused && begun < leave;
}

export function canGoOn(lane: Lane): boolean {
  if (lane.runs) return true;
  const { cpu, stack, at, halted } = lane;
  if (halted) return false;
  if (stack.length === 0) return cpu.words[CPU_POWER] !== 0 && (hasMore(lane) || interruptDue(cpu));
  if (at?.kind !== 'wait') return true;
  return (at.word >= 0 && cpu.memory.int32[at.word] !== at.expected) || interruptDue(cpu);
}

/** Nothing is left to do, or the CPU was never asked to do anything. */
export function isAtRest(lane: Lane): boolean {
  return !lane.halted && lane.stack.length === 0 && (!hasMore(lane) || !isOn(lane));
}

/** Does what the CPU stands before, and goes on to its next point. An interrupt may come first; a sleeper it wakes. */
export function advance(lane: Lane): void {
  const { cpu, stack } = lane;
  if (lane.beforeStep !== undefined) lane.beforeStep(lane);
  if (interruptDue(cpu)) {
    const sleeps = stack.length === 0 || lane.at?.kind === 'wait';
    if (sleeps || cpu.choose(2, 'interrupt') === 0) interrupt(lane);
  }
  if (stack.length === 0) begin(lane);
  const { done, value } = stack[stack.length - 1]!.next();
  if (!done) {
    lane.at = value;
    lane.halted = value.kind === 'halt';
    return;
  }
  const ended = stack.pop()!;
  lane.at = undefined; // what was interrupted stands before its point again: a wait is looked at anew
  if (lane.handlers.delete(ended)) lane.chart?.step(CPU_EVENT.programFinished.stopper);
  else if (ended === lane.stage) end(lane);
}

function interrupt(lane: Lane): void {
  interruptTaken(lane.kernel, acknowledge(lane.cpu));
  const lost = vectorsUnreachable(lane.cpu, lane.kernel);
  if (lost !== undefined) {
    lane.stack.push(lost);
    return;
  }
  tell(lane, CPU_EVENT.interruptRaised);
  const handler = lane.career.handler(lane.cpu, lane.kernel);
  lane.handlers.add(handler);
  lane.stack.push(handler);
}

function begin(lane: Lane): void {
  if (lane.begun === 0) powerOn(lane);
  lane.stage = lane.career.stages[lane.begun++]!.program(lane.cpu, lane.kernel);
  lane.stack.push(lane.stage);
}

/** The stage is over, and the next one begins, if there is one to begin now; or the CPU went off in it. */
function end(lane: Lane): void {
  const { finishes } = lane.career.stages[lane.begun - 1]!;
  if (finishes !== undefined) lane.chart?.step(CPU_EVENT.programFinished[finishes]);
  if (lane.cpu.words[CPU_POWER] === 0 && !lane.refused) goOff(lane);
  else if (hasMore(lane)) begin(lane);
}

/** It was taken down: if it gets power again it begins anew. */
function goOff(lane: Lane): void {
  tell(lane, CPU_EVENT.powerOff);
  lane.begun = 0;
}

function powerOn(lane: Lane): void {
  const { cpu, kernel } = lane;
  tell(lane, CPU_EVENT.powerOn);
  if (!kernel.board.lateCpus.includes(cpu.id)) return;
  const relies = read(cpu.memory, variablePa(kernel, 'cpu_hwcaps_bbml2_noabort')) === CAP_PRESENT;
  tell(lane, CPU_EVENT.capabilitiesKnown[relies ? 1 : 0]);
}

/** An event of the CPU's chart, which may refuse it. */
export function tell({ chart, cpu, refusals }: Lane, event: number): void {
  const violation = chart && judgeCpu(chart, cpu.id, cpu.step, event);
  if (violation !== undefined) refusals.push(violation);
}

export function panicOf({ cpu, at }: Lane): Violation {
  return panicViolation(cpu.id, cpu.step, at!.reason);
}

export function stuck(lane: Lane): StuckCpu {
  const { cpu, stack, at, halted } = lane;
  const status = halted ? 'halted' : stack.length === 0 ? 'done' : at?.kind === 'wait' ? 'waiting' : 'running';
  return {
    cpu: cpu.id,
    status: isOn(lane) ? status : 'off',
    state: lane.chart?.state ?? '',
    waitsFor: at?.reason ?? '',
  };
}
