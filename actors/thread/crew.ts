import { availableParallelism } from 'node:os';
import { goneViolation } from '../../src/check/progress/progress.ts';
import { CPU_WORDS } from '../../src/hardware/memory/layout.ts';
import { CONTROL_STOP } from '../../src/hardware/memory/memory.ts';
import { handleOf, type Machine } from '../../src/hardware/system.ts';
import { CPU_IRQ_PENDING, CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import type { Findings } from './findings.ts';
import { guarded, isGone } from './guard.ts';
import { pause } from './pause.ts';
import type { CpuAssignment, CpuResult, ScenarioReference } from './protocol.ts';
import type { Rack } from './rack.ts';
import { viewCpus } from './view.ts';

/** The CPUs of one run, each living its life in a worker. */
export interface Crew {
  /** By CPU; each resolves when that CPU's life is over, however it ended. */
  readonly lives: Promise<void>[];
  readonly results: CpuResult[];
  /** How many workers are up. */
  prepared: number;
  /** What came out of a worker that nobody caught: no fault of the machine's. */
  broken: { readonly thrown: unknown } | undefined;
  /** The run is over: from here on it is no finding that a worker ends. */
  stopping: boolean;
}

/** What every CPU of a run is told alike. */
export interface CrewOrders {
  readonly reference: ScenarioReference;
  readonly kernel: KernelConfig;
  readonly seed: number;
  readonly noisy: boolean;
}

/** Starts a life for each CPU of the machine. What CPUs report goes to `findings` at once. */
export function startCrew(rack: Rack, machine: Machine, orders: CrewOrders, findings: Findings): Crew {
  const crew: Crew = { lives: [], results: [], prepared: 0, broken: undefined, stopping: false };
  for (const cpu of machine.board.cpus.keys()) {
    listen(rack, cpu, crew, findings);
    crew.lives.push(live(rack, machine, assignmentOf(machine, cpu, orders), crew, findings));
  }
  return crew;
}

function listen(rack: Rack, cpu: number, crew: Crew, { violations, traces }: Findings): void {
  rack.slot(cpu).onReport = (report) => {
    if (report.type === 'broken') crew.broken = { thrown: report.message };
    else {
      violations.push(report.violation);
      if (report.trace.length > 0) traces.set(report.violation, report.trace);
    }
  };
}

/** With many more CPUs than cores, few burst at a time, and sleepers look up more rarely. */
function assignmentOf(machine: Machine, cpu: number, orders: CrewOrders): CpuAssignment {
  const cpus = machine.board.cpus.length;
  const { reference, kernel, seed, noisy } = orders;
  return {
    cpu,
    machine: handleOf(machine),
    scenario: reference,
    kernel,
    seed,
    noisy,
    burstsAtOnce: cpus > 16 ? availableParallelism() : cpus,
    sliceMs: Math.max(20, 3 * cpus),
  };
}

/** One CPU from its worker's start to its end. Never rejects. */
async function live(
  rack: Rack,
  machine: Machine,
  assignment: CpuAssignment,
  crew: Crew,
  findings: Findings,
): Promise<void> {
  const { cpu } = assignment;
  const { api, gone } = rack.slot(cpu);
  try {
    const ready = await guarded(api.prepare(assignment), gone);
    crew.prepared++;
    const result = isGone(ready) ? ready : await guarded(api.run(), gone);
    if (isGone(result)) {
      await rack.discard(cpu);
      if (!crew.stopping) findings.violations.push(goneViolation(cpu, viewCpus(machine)[cpu]!.state, result.why));
    } else crew.results.push(result);
  } catch (thrown) {
    crew.broken = { thrown };
  }
}

/** How long a CPU that was told to stop may take before its worker is ended, in ms. */
const GRACE_MS = 1000;

/** Tells every CPU to stop, wakes the sleepers, and ends the workers of those that do not obey. */
export async function stopCrew(rack: Rack, machine: Machine, { lives }: Crew): Promise<void> {
  const { board } = machine;
  const stopped = new Set<number>();
  const ends = lives.map((life, cpu) => life.then(() => stopped.add(cpu)));
  tellAllToStop(machine);
  const grace = GRACE_MS + 6 * board.cpus.length;
  const patience = new AbortController(); // its timer would keep the process alive
  await Promise.race([Promise.all(ends), pause(grace, patience.signal)]);
  patience.abort();
  for (const cpu of board.cpus.keys()) if (!stopped.has(cpu)) await rack.discard(cpu);
  await Promise.all(ends);
}

function tellAllToStop({ memory, layout, board }: Machine): void {
  Atomics.store(memory.control, CONTROL_STOP, 1);
  Atomics.notify(memory.control, CONTROL_STOP);
  const words = new Int32Array(memory.buffer, layout.cpuWords, board.cpus.length * CPU_WORDS);
  for (const cpu of board.cpus.keys())
    for (const word of [CPU_IRQ_PENDING, CPU_POWER]) Atomics.notify(words, cpu * CPU_WORDS + word);
}
