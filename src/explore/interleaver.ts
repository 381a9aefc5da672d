import { panicViolation } from '../check/panic.ts';
import { type StuckCpu, stallViolation } from '../check/progress.ts';
import { standardProperties } from '../check/standard.ts';
import type { Report, Violation } from '../check/violation.ts';
import { observerOf } from '../check/watch.ts';
import type { Board } from '../hardware/board.ts';
import type { Counts } from '../hardware/counters.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { drainSome } from '../hardware/drain.ts';
import { CPU_POWER } from '../hardware/dvm.ts';
import { acknowledge, interruptDue } from '../hardware/interrupt.ts';
import type { Op, Point } from '../hardware/op.ts';
import { speculate } from '../hardware/speculation.ts';
import { type Allocate, countsOf, cpuOf, createMachine, type Machine } from '../hardware/system.ts';
import { loadKernelImage } from '../kernel/boot.ts';
import { type KernelConfig, tablePagesNeeded } from '../kernel/config.ts';
import { createKernel, type Kernel } from '../kernel/kernel.ts';
import { MARKS } from '../kernel/marks.ts';
import { failAllocations } from '../kernel/pgalloc.ts';
import { kernelText } from '../kernel/text.ts';
import type { Program, Scenario } from '../scenario/scenario.ts';
import { type Career, careerOf } from './career.ts';
import { type Decide, type Decision, recording } from './decide.ts';

/** One run of a scenario, as far as its decisions leave it open. */
export interface Exploration {
  readonly board: Board;
  readonly scenario: Scenario;
  readonly kernel: KernelConfig;
  /** What each CPU does after boot, where the scenario names nothing. */
  readonly work: Program;
  /** Points after which a run is given up. */
  readonly mostPoints: number;
  readonly allocate?: Allocate;
}

export interface Interleaved {
  readonly verdict: 'good' | 'violated' | 'inconclusive';
  readonly violations: readonly Violation[];
  /** Every decision of the run: it is the run, given the exploration. */
  readonly decisions: readonly Decision[];
  readonly points: number;
  readonly counts: Counts;
  readonly machine: Machine;
}

/** One CPU under the scheduler. `at`: what it is about to do; undefined until its program has come to its first point. */
interface Lane {
  readonly cpu: Cpu;
  readonly career: Career;
  readonly stack: Op[];
  at: Point | undefined;
  halted: boolean;
}

/** One chance in this many that a CPU's walker goes off by itself after a step of anybody, or that a buffered store leaves. */
const SPECULATION = 16;
const DRAIN = 8;

/**
 * All CPUs in one thread, one point at a time: `decide` says who goes next and how chance falls, nothing else does. The
 * run ends at the first violation, when everybody has finished, when nobody can go on, or after `mostPoints`.
 */
export function interleave(exploration: Exploration, decide: Decide): Interleaved {
  const { board, scenario } = exploration;
  const machine = createMachine(board, {
    poolFrames: tablePagesNeeded(board),
    ...(exploration.allocate === undefined ? {} : { allocate: exploration.allocate }),
  });
  const record = recording(decide);
  const violations: Violation[] = [];
  const report: Report = (cpu, property, message, evidence, remedy = '') => {
    violations.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
  };
  const lanes = board.cpus.map((_, id) => laneOf(exploration, machine, id, record.decide, report));
  loadKernelImage(machine.memory);
  failAllocations(machine.memory.control, scenario.allocationFailureOneIn ?? 0);
  const kernel = kernelOf(exploration, machine);
  scenario.setup?.(machine, kernel);
  lanes[0]!.cpu.words[CPU_POWER] = 1;

  let points = 0;
  let last = 0;
  let verdict: Interleaved['verdict'] | undefined;
  while (verdict === undefined) {
    const ready = lanes.filter((lane) => canGoOn(lane)).map(({ cpu }) => cpu.id);
    if (ready.length === 0) {
      if (lanes.every(isAtRest)) {
        for (const property of [...standardProperties, ...(scenario.properties ?? [])])
          violations.push(...(property.atRest?.(machine, kernel) ?? []));
        verdict = violations.length > 0 ? 'violated' : 'good';
      } else {
        if (violations.length === 0) violations.push(stallViolation(lanes.map(stuck), 0));
        verdict = 'violated';
      }
      break;
    }
    if (ready.includes(last)) ready.unshift(...ready.splice(ready.indexOf(last), 1));
    const lane = lanes[ready[record.decide.next(ready)]!]!;
    last = lane.cpu.id;
    advance(lane, record.decide);
    if (lane.halted && violations.length === 0) violations.push(panicOf(lane));
    points++;
    if (violations.length === 0) for (const each of lanes) actByItself(each, record.decide);
    if (violations.length > 0) verdict = 'violated';
    else if (points >= exploration.mostPoints) verdict = 'inconclusive';
  }
  return { verdict, violations, decisions: record.decisions, points, counts: countsOf(machine), machine };
}

function kernelOf({ board, kernel, scenario }: Exploration, { layout }: Machine): Kernel {
  const good = kernelText(kernel.revision);
  return createKernel(board, layout, kernel, scenario.text?.(good) ?? good);
}

function laneOf(exploration: Exploration, machine: Machine, id: number, decide: Decide, report: Report): Lane {
  const { scenario } = exploration;
  const kernel = kernelOf(exploration, machine);
  const cpu = cpuOf(machine, id, {
    choose: (bound, kind) => decide.chance(bound, kind, id),
    controlled: true,
    observer: observerOf([...standardProperties, ...(scenario.properties ?? [])], { kernel, report }),
    onMark: (mark) => career.marked(MARKS[mark]!),
  });
  const career = careerOf(cpu, kernel, scenario.programs?.(id) ?? exploration.work);
  return { cpu, career, stack: [], at: undefined, halted: false };
}

function canGoOn({ cpu, career, stack, at, halted }: Lane): boolean {
  if (halted || (Atomics.load(cpu.words, CPU_POWER) === 0 && stack.length === 0)) return false;
  if (interruptDue(cpu)) return true;
  if (stack.length === 0) return !career.ended();
  return at?.kind !== 'wait' || (at.word >= 0 && cpu.memory.int32[at.word] !== at.expected);
}

/** Nothing is left to do, or the CPU was never asked to do anything. */
function isAtRest({ cpu, career, stack, halted }: Lane): boolean {
  return !halted && stack.length === 0 && (career.ended() || Atomics.load(cpu.words, CPU_POWER) === 0);
}

/** Does what the CPU stands before, and goes on to its next point. An interrupt may come first; a sleeper it wakes. */
function advance(lane: Lane, decide: Decide): void {
  const { cpu, career, stack } = lane;
  const sleeps = stack.length === 0 || lane.at?.kind === 'wait';
  if (interruptDue(cpu) && (sleeps || decide.chance(2, 'interrupt', cpu.id) === 0)) {
    acknowledge(cpu);
    stack.push(career.interrupted());
  } else if (stack.length === 0) {
    const next = career.following();
    if (next === undefined) return;
    stack.push(next);
  }
  const { done, value } = stack.at(-1)!.next();
  if (!done) {
    lane.at = value;
    lane.halted = value.kind === 'halt';
    return;
  }
  stack.pop();
  lane.at = undefined; // what was interrupted stands before its point again: a wait is looked at anew
  if (stack.length === 0) {
    const next = career.following();
    if (next !== undefined) stack.push(next);
  }
}

/** What the hardware may do whatever the program does: walk ahead, or let a buffered store go. */
function actByItself({ cpu, halted }: Lane, decide: Decide): void {
  if (halted || Atomics.load(cpu.words, CPU_POWER) === 0) return;
  if (cpu.mmuOn && decide.chance(SPECULATION, 'speculate', cpu.id) === SPECULATION - 1) speculate(cpu);
  if (cpu.stores.count[0]! + cpu.runs.length > 0 && decide.chance(DRAIN, 'drain', cpu.id) === DRAIN - 1) drainSome(cpu);
}

function panicOf({ cpu, at }: Lane): Violation {
  return panicViolation(cpu.id, cpu.step, at!.reason);
}

function stuck({ cpu, stack, at, halted }: Lane): StuckCpu {
  const status = halted ? 'halted' : stack.length === 0 ? 'done' : at?.kind === 'wait' ? 'waiting' : 'running';
  const off = Atomics.load(cpu.words, CPU_POWER) === 0 && stack.length === 0;
  return { cpu: cpu.id, status: off ? 'off' : status, state: '', waitsFor: at?.reason ?? '' };
}
