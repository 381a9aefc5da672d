import { standardProperties } from '../../src/check/standard.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import type { Counts } from '../../src/hardware/counters.ts';
import { allocatedFrames } from '../../src/hardware/memory/frame.ts';
import { type Allocate, countsOf, createMachine, type Machine, traceOf } from '../../src/hardware/system.ts';
import type { TraceRecord } from '../../src/hardware/trace.ts';
import { loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { failAllocations } from '../../src/kernel/tables/pgalloc.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { type Scenario, textOf } from '../../src/scenario/scenario.ts';
import { type Crew, startCrew, stopCrew } from './crew.ts';
import { type Findings, noFindings, sortFindings, traceOfFirst } from './findings.ts';
import { FINISHED, watchOver } from './lookout.ts';
import type { PhaseTimes } from './phases.ts';
import type { CpuResult, ScenarioReference } from './protocol.ts';
import type { Rack } from './rack.ts';
import { type SystemLife, startSystem } from './system-life.ts';
import { type CpuView, viewCpus } from './view.ts';

/** Everything that decides a run on threads. */
export interface RunRequest {
  readonly board: Board;
  readonly scenario: Scenario;
  readonly reference: ScenarioReference;
  readonly kernel: KernelConfig;
  readonly seed: number;
  readonly noisy: boolean;
  /** No progress for this long is a verdict, in ms. */
  readonly stallMs: number;
  /** Told every so often while it runs. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Where the machine's buffer comes from, if not fresh. Nobody touches it any more once the run has ended. */
  readonly allocate?: Allocate;
}

export interface Progress {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly state: string;
  readonly elapsedMs: number;
  readonly cpus: () => CpuView[];
}

export type Verdict = 'good' | 'violated' | 'inconclusive';

export interface RunOutcome {
  readonly verdict: Verdict;
  /** For `inconclusive`: why it ended. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  readonly counts: Counts;
  readonly phases: PhaseTimes;
  /** Table pages in use when the map was painted, and at the end. */
  readonly tablePages: { readonly painted: number; readonly atEnd: number };
  readonly trace: readonly TraceRecord[];
  readonly cpus: readonly CpuView[];
  readonly results: readonly CpuResult[];
  readonly state: string;
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly durationMs: number;
}

/** Boots the board with one worker a CPU and runs the scenario to its verdict. Rejects only on broken scenarios. */
export async function runBoard(rack: Rack, request: RunRequest): Promise<RunOutcome> {
  const began = performance.now();
  const subject = prepareMachine(request);
  const { machine, kernel } = subject;
  const findings = noFindings();
  const system = startSystem(machine, findings);
  const crew = startCrew(rack, machine, request, findings);
  const { reason, failure } = await watchOver({
    machine,
    crew,
    system,
    findings,
    stallMs: request.stallMs,
    signal: request.signal,
    onLook: (nowMs) => request.onProgress?.(progressOf(subject, system, nowMs - began)),
  });
  const cpus = viewCpus(machine);
  await stopCrew(rack, machine, crew);
  system.readMarks();
  for (const cpu of request.board.cpus.keys()) rack.quiet(cpu);
  const state = system.state();
  if (failure !== undefined) throw failure.thrown;
  refuseBroken(crew, findings);
  const verdict = judge(request.scenario, subject, system, findings, reason === FINISHED);
  system.end();
  return {
    verdict,
    reason,
    violations: findings.violations,
    counts: countsOf(machine),
    phases: system.phases(),
    tablePages: { painted: system.paintedPages(), atEnd: allocatedFrames(machine.memory).now },
    trace: traceOfFirst(findings) ?? traceOf(machine, 24),
    cpus,
    results: crew.results,
    state,
    machine,
    kernel,
    durationMs: performance.now() - began,
  };
}

/** What a run is about. */
interface Subject {
  readonly machine: Machine;
  readonly kernel: Kernel;
}

/** The machine as the scenario wants it, before anybody has power. */
function prepareMachine({ board, scenario, kernel: config, allocate }: RunRequest): Subject {
  const machine = createMachine(board, {
    poolFrames: tablePagesNeeded(board),
    ...(allocate === undefined ? {} : { allocate }),
  });
  const kernel = createKernel(board, machine.layout, config, textOf(scenario, kernelText(config.revision)));
  loadKernelImage(machine.memory);
  failAllocations(machine.memory.control, scenario.allocationFailureOneIn ?? 0);
  scenario.setup?.(machine, kernel);
  return { machine, kernel };
}

function progressOf({ machine, kernel }: Subject, system: SystemLife, elapsedMs: number): Progress {
  return { machine, kernel, state: system.state(), elapsedMs, cpus: () => viewCpus(machine) };
}

/** Throws what came out of a worker, unless something was found before: then that is the verdict. */
function refuseBroken({ broken }: Crew, { violations }: Findings): void {
  if (broken === undefined || violations.length > 0) return;
  const { thrown } = broken;
  throw thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** A machine that has come to rest without a finding is looked at once more, as a whole. */
function judge(
  scenario: Scenario,
  { machine, kernel }: Subject,
  system: SystemLife,
  findings: Findings,
  finished: boolean,
): Verdict {
  const { violations } = findings;
  if (violations.length === 0) system.tell(finished ? { type: 'everybody.finished' } : { type: 'time.over' }, -1);
  if (finished && violations.length === 0)
    for (const property of [...standardProperties, ...(scenario.properties ?? [])])
      violations.push(...(property.atRest?.(machine, kernel) ?? []));
  if (finished && violations.length === 0) system.tell({ type: 'rest.checked' }, -1);
  if (violations.length > 0) system.tell({ type: 'violation.found' }, -1);
  sortFindings(findings);
  return violations.length > 0 ? 'violated' : finished ? 'good' : 'inconclusive';
}
