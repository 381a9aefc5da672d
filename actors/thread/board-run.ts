import { availableParallelism } from 'node:os';
import { createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { statePath } from '../../machines/state-path.ts';
import { type SystemEvent, systemMachine } from '../../machines/system.machine.ts';
import { systemChartViolation } from '../../src/check/chart.ts';
import { goneViolation } from '../../src/check/progress.ts';
import { standardProperties } from '../../src/check/standard.ts';
import type { Violation } from '../../src/check/violation.ts';
import type { Board } from '../../src/hardware/board.ts';
import type { Counts } from '../../src/hardware/counters.ts';
import { CPU_IRQ_PENDING, CPU_POWER } from '../../src/hardware/dvm.ts';
import { allocatedFrames } from '../../src/hardware/frame.ts';
import { CPU_WORDS } from '../../src/hardware/layout.ts';
import { attachMarkLog, marksSince } from '../../src/hardware/mark-log.ts';
import { CONTROL_STOP } from '../../src/hardware/memory.ts';
import { type Allocate, countsOf, createMachine, handleOf, type Machine, traceOf } from '../../src/hardware/system.ts';
import type { TraceRecord } from '../../src/hardware/trace.ts';
import { loadKernelImage } from '../../src/kernel/boot.ts';
import { type KernelConfig, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import { failAllocations } from '../../src/kernel/pgalloc.ts';
import { kernelText } from '../../src/kernel/text.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { guarded, isGone } from './guard.ts';
import { type PhaseTimes, phaseTimes } from './phases.ts';
import type { CpuResult, ScenarioReference } from './protocol.ts';
import type { Rack } from './rack.ts';
import { type CpuView, glance, viewCpus } from './view.ts';
import { createWatchdog } from './watchdog.ts';

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

/** How often the main thread looks, at the least, in ms; more often on small boards, whose runs are short. */
const POLL_MS = 20;
/** What the watchdog counts between two looks, at most, in ms. */
const LONGEST_LOOK_MS = 250;
/** After a violation the machine goes on for a moment, so that what follows from it is seen too. */
const AFTERMATH_MS = 150;

/** Boots the board with one worker a CPU and runs the scenario to its verdict. Rejects only on broken scenarios. */
export async function runBoard(rack: Rack, request: RunRequest): Promise<RunOutcome> {
  const began = performance.now();
  const { board, scenario } = request;
  const machine = createMachine(board, {
    poolFrames: tablePagesNeeded(board),
    ...(request.allocate === undefined ? {} : { allocate: request.allocate }),
  });
  const good = kernelText(request.kernel.revision);
  const kernel = createKernel(board, machine.layout, request.kernel, scenario.text?.(good) ?? good);
  loadKernelImage(machine.memory);
  failAllocations(machine.memory.control, scenario.allocationFailureOneIn ?? 0);
  scenario.setup?.(machine, kernel);

  const violations: Violation[] = [];
  const traces = new Map<Violation, readonly TraceRecord[]>();
  const results: CpuResult[] = [];
  let broken: Error | undefined;
  let prepared = 0;
  const system = createActor(systemMachine, { input: { cpus: board.cpus.length, lateCpus: board.lateCpus } });
  system.start();

  const lives = board.cpus.map(async (_, cpu) => {
    const slot = rack.slot(cpu);
    slot.onReport = (report) => {
      if (report.type === 'violation') {
        violations.push(report.violation);
        if (report.trace.length > 0) traces.set(report.violation, report.trace);
      } else broken = new Error(report.message);
    };
    const assignment = {
      cpu,
      machine: handleOf(machine),
      scenario: request.reference,
      kernel: request.kernel,
      seed: request.seed,
      noisy: request.noisy,
      burstsAtOnce: board.cpus.length > 16 ? availableParallelism() : board.cpus.length,
      sliceMs: Math.max(20, 3 * board.cpus.length),
    };
    try {
      const ready = await guarded(slot.api.prepare(assignment), slot.gone);
      prepared++;
      const result = isGone(ready) ? ready : await guarded(slot.api.run(), slot.gone);
      if (isGone(result)) {
        await rack.discard(cpu);
        if (!stopping) violations.push(goneViolation(cpu, viewCpus(machine)[cpu]!.state, result.why));
      } else results.push(result);
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
    }
  });

  const watchdog = createWatchdog(machine, request.stallMs);
  const markLog = attachMarkLog(machine.memory, machine.layout);
  let marksRead = 0;
  let paintedPages = 0;
  let stopping = false;
  let reason = '';
  let firstViolationAt = Number.POSITIVE_INFINITY;
  const pollMs = Math.min(POLL_MS, 4 + board.cpus.length);
  let watchedMs = 0;
  let lastLook = performance.now();

  const tell = (event: SystemEvent, cpu: number): void => {
    const snapshot = system.getSnapshot();
    if (accepts(snapshot, event)) system.send(event);
    else violations.push(systemChartViolation(cpu, event.type, statePath(snapshot)));
  };
  const readMarks = (): void => {
    const { marks, next } = marksSince(markLog, marksRead);
    marksRead = next;
    for (const { cpu, mark } of marks) {
      const name = MARKS[mark]!;
      if (name === 'linearMap.painted') paintedPages = allocated(machine);
      tell({ type: name, cpu }, cpu);
    }
  };

  let seenViolations = 0;
  const look = (): void => {
    const now = performance.now();
    watchedMs += Math.min(now - lastLook, LONGEST_LOOK_MS); // a process that was suspended has not stalled
    lastLook = now;
    readMarks();
    if (violations.length > seenViolations) {
      seenViolations = violations.length;
      firstViolationAt = Math.min(firstViolationAt, now);
    }
    request.onProgress?.({
      machine,
      kernel,
      state: statePath(system.getSnapshot()),
      elapsedMs: now - began,
      cpus: () => viewCpus(machine),
    });
    const { everybodyDone, movement, news } = glance(machine);
    if (broken !== undefined) reason = 'the scenario is broken';
    else if (request.signal?.aborted) reason = 'interrupted';
    else if (now > firstViolationAt + AFTERMATH_MS) reason = 'a property was violated';
    else if (everybodyDone) reason = 'everybody has finished';
    else if (violations.length === 0) {
      const stall = watchdog(watchedMs, {
        starting: prepared < board.cpus.length,
        movement: `${movement} ${prepared}`,
        news: `${news} ${prepared} ${marksRead}`,
      });
      if (stall !== undefined) {
        violations.push(stall);
        reason = 'nothing moves any more';
      }
    }
    stopping = reason !== '';
  };
  let failure: unknown;
  while (!stopping) {
    await pause(pollMs, request.signal);
    try {
      look();
    } catch (thrown) {
      failure = thrown; // whoever watches has failed: that is no reason to leave CPUs behind
      stopping = true;
    }
  }
  const finished = reason === 'everybody has finished';
  const atEnd = viewCpus(machine);
  await stopEverybody(rack, machine, lives);
  readMarks();
  for (const cpu of board.cpus.keys()) rack.quiet(cpu);
  const state = statePath(system.getSnapshot());
  if (failure !== undefined) throw failure;
  if (broken !== undefined && violations.length === 0) throw broken;
  if (violations.length === 0) tell(finished ? { type: 'everybody.finished' } : { type: 'time.over' }, -1);
  if (finished && violations.length === 0)
    for (const property of [...standardProperties, ...(scenario.properties ?? [])])
      violations.push(...(property.atRest?.(machine, kernel) ?? []));
  if (finished && violations.length === 0) tell({ type: 'rest.checked' }, -1);
  if (violations.length > 0) tell({ type: 'violation.found' }, -1);
  violations.sort((a, b) => order(a) - order(b));
  system.stop();
  return {
    verdict: violations.length > 0 ? 'violated' : finished ? 'good' : 'inconclusive',
    reason,
    violations,
    counts: countsOf(machine),
    phases: phaseTimes(marksSince(markLog, 0).marks),
    tablePages: { painted: paintedPages, atEnd: allocated(machine) },
    trace: (violations[0] !== undefined ? traces.get(violations[0]) : undefined) ?? traceOf(machine, 24),
    cpus: atEnd,
    results,
    state,
    machine,
    kernel,
    durationMs: performance.now() - began,
  };
}

/** Waits, but not past the signal. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** How long a CPU that was told to stop may take before its worker is ended, in ms. */
const GRACE_MS = 1000;

/** Tells every CPU to stop, wakes the sleepers, and ends the workers of those that do not obey. */
async function stopEverybody(rack: Rack, machine: Machine, lives: readonly Promise<void>[]): Promise<void> {
  const { memory, layout, board } = machine;
  Atomics.store(memory.control, CONTROL_STOP, 1);
  Atomics.notify(memory.control, CONTROL_STOP);
  const stopped = new Set<number>();
  const ends = lives.map((life, cpu) => life.then(() => stopped.add(cpu)));
  const words = new Int32Array(memory.buffer, layout.cpuWords, board.cpus.length * CPU_WORDS);
  for (const cpu of board.cpus.keys())
    for (const word of [CPU_IRQ_PENDING, CPU_POWER]) Atomics.notify(words, cpu * CPU_WORDS + word);
  const grace = GRACE_MS + 6 * board.cpus.length;
  const patience = new AbortController(); // its timer would keep the process alive
  await Promise.race([Promise.all(ends), pause(grace, patience.signal)]);
  patience.abort();
  for (const cpu of board.cpus.keys()) if (!stopped.has(cpu)) await rack.discard(cpu);
  await Promise.all(ends);
}

function allocated(machine: Machine): number {
  return allocatedFrames(machine.memory).now;
}

/** In the order they happened; those without a step, and then what charts refused, which says least, come last. */
function order({ step, property }: Violation): number {
  const at = step < 0 ? Number.MAX_SAFE_INTEGER : step;
  return property === 'chart' ? 2 * Number.MAX_SAFE_INTEGER : at;
}
