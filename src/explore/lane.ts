import { panicViolation } from '../check/panic.ts';
import type { StuckCpu } from '../check/progress.ts';
import type { Violation } from '../check/violation.ts';
import { CONTROL_ROOTS_EPOCH, type Cpu } from '../hardware/cpu.ts';
import { CPU_POWER } from '../hardware/dvm.ts';
import { acknowledge, interruptDue } from '../hardware/interrupt.ts';
import { type Memory, wordOf } from '../hardware/memory.ts';
import type { Op, Point } from '../hardware/op.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Career } from './career.ts';

/** One CPU under the scheduler: its programs, and where it stands in them. */
export interface Lane {
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly career: Career;
  /** The running program, and what has interrupted it. */
  readonly stack: Op[];
  /** Programs begun so far. */
  begun: number;
  /** It must not begin more than this many. */
  leave: number;
  /** What it is about to do; undefined until its program has come to its first point. */
  at: Point | undefined;
  halted: boolean;
  /** It was told that it may not come up. */
  refused: boolean;
  /** What `walksKernel` found when the roots were last looked at. */
  rootsEpoch: number;
  walksKernel: boolean;
}

/** The CPU has power, or is about to lose it. */
export function isOn({ cpu, stack }: Lane): boolean {
  return stack.length > 0 || cpu.words[CPU_POWER] !== 0;
}

/** TTBR1 leads to something: a walk that nobody asked for can find a translation. */
export function walksKernel(lane: Lane): boolean {
  const { cpu } = lane;
  const epoch = cpu.memory.control[CONTROL_ROOTS_EPOCH]!;
  if (epoch !== lane.rootsEpoch) {
    lane.rootsEpoch = epoch;
    lane.walksKernel =
      cpu.mmuOn && cpu.regime1 !== undefined && holdsValidEntry(cpu.memory, wordOf(cpu.memory, cpu.regime1.root));
  }
  return lane.walksKernel;
}

function holdsValidEntry({ halves, pageBytes }: Memory, word: number): boolean {
  for (let at = word * 2; at < word * 2 + pageBytes / 4; at += 2) if ((halves[at]! & 1) !== 0) return true;
  return false;
}

function hasMore({ refused, begun, leave }: Lane): boolean {
  return !refused && begun < leave;
}

export function canGoOn(lane: Lane): boolean {
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
  if (interruptDue(cpu)) {
    const sleeps = stack.length === 0 || lane.at?.kind === 'wait';
    if (sleeps || cpu.choose(2, 'interrupt') === 0) {
      acknowledge(cpu);
      stack.push(lane.career.interrupted(cpu, lane.kernel));
    }
  }
  if (stack.length === 0) begin(lane);
  const { done, value } = stack[stack.length - 1]!.next();
  if (!done) {
    lane.at = value;
    lane.halted = value.kind === 'halt';
    return;
  }
  stack.pop();
  lane.at = undefined; // what was interrupted stands before its point again: a wait is looked at anew
  if (stack.length === 0 && hasMore(lane)) begin(lane);
}

function begin(lane: Lane): void {
  lane.stack.push(lane.career.programs[lane.begun++]!(lane.cpu, lane.kernel));
}

export function panicOf({ cpu, at }: Lane): Violation {
  return panicViolation(cpu.id, cpu.step, at!.reason);
}

export function stuck(lane: Lane): StuckCpu {
  const { cpu, stack, at, halted } = lane;
  const status = halted ? 'halted' : stack.length === 0 ? 'done' : at?.kind === 'wait' ? 'waiting' : 'running';
  return { cpu: cpu.id, status: isOn(lane) ? status : 'off', state: '', waitsFor: at?.reason ?? '' };
}
