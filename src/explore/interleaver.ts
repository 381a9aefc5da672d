import { judgeSystem } from '../check/chart.ts';
import type { BoardCharts, SystemChart } from '../check/chart-table.ts';
import { stallViolation } from '../check/progress.ts';
import { standardProperties } from '../check/standard.ts';
import type { Property, Report, Violation } from '../check/violation.ts';
import { observerOf } from '../check/watch.ts';
import type { Board } from '../hardware/board.ts';
import { type Counts, totals } from '../hardware/counters.ts';
import { drainSome } from '../hardware/drain.ts';
import { CPU_POWER } from '../hardware/dvm.ts';
import { speculate } from '../hardware/speculation.ts';
import { cpuOf, createMachine, type Machine } from '../hardware/system.ts';
import { loadKernelImage } from '../kernel/boot.ts';
import { type KernelConfig, tablePagesNeeded } from '../kernel/config.ts';
import { createKernel, type Kernel } from '../kernel/kernel.ts';
import { MARK } from '../kernel/marks.ts';
import { failAllocations } from '../kernel/pgalloc.ts';
import { kernelText } from '../kernel/text.ts';
import type { Program, Scenario } from '../scenario/scenario.ts';
import { broughtUpBy } from './bring-up.ts';
import { bareCareer, bootingCareer } from './career.ts';
import {
  ACTS,
  actOf,
  CUT,
  cpuOfActor,
  type Decide,
  type Decisions,
  DRAIN,
  type Ready,
  SPECULATE,
  STEP,
} from './decide.ts';
import { advance, canGoOn, isAtRest, type Lane, panicOf, stuck, takeStock, tell } from './lane.ts';
import type { Remembered } from './machine-image.ts';
import { type Recording, recording } from './recording.ts';
import { judgeAtRest } from './rest.ts';
import { restoreStart, saveStart } from './start.ts';

/** What is explored: one scenario on one board, as far as decisions leave it open. */
export interface Exploration {
  readonly board: Board;
  readonly scenario: Scenario;
  readonly kernel: KernelConfig;
  /** What each CPU does after boot, where the scenario names nothing. */
  readonly work: Program;
  /** `brought-up`: all CPUs are online and idle, and every run begins there; `power-on`: nothing has happened yet. */
  readonly from: 'power-on' | 'brought-up';
  /** Instead of a boot: what each CPU runs from power-on, with translation off. */
  readonly bare?: (cpu: number) => Program;
  /** Points after which a run is given up. */
  readonly mostPoints: number;
  /** The charts, at their beginnings, that accept or refuse every mark; without them nobody does. */
  readonly charts?: BoardCharts;
}

/** How one run went. */
export interface Interleaved {
  readonly verdict: 'good' | 'violated' | 'inconclusive';
  /** Whoever decided wanted no more of it: another run tells the same story. */
  readonly cut: boolean;
  readonly violations: readonly Violation[];
  /** Every decision of the run: it is the run, given the exploration. */
  readonly decisions: Decisions;
  readonly points: number;
}

/** Called after each act: who acted, and how many points there have been. */
export type Acted = (actor: number, point: number) => void;

/** A machine under the scheduler, ready to be run again and again from the same start. */
export interface Interleaver {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly lanes: readonly Lane[];
  /** The chart of the whole board, where there are charts. */
  readonly system: SystemChart | undefined;
  readonly run: (decide: Decide, acted?: Acted) => Interleaved;
  /** Of the last run. */
  readonly counts: () => Counts;
}

const DVM_LOG_RECORDS = 256;
const CHECKS_BYTES = 8192;

/** Puts the machine together and brings it to its start. */
export function interleaverOf(exploration: Exploration): Interleaver {
  const { board, scenario, charts } = exploration;
  const machine = createMachine(board, {
    poolFrames: tablePagesNeeded(board),
    dvmLogRecords: DVM_LOG_RECORDS,
    checksBytes: CHECKS_BYTES,
  });
  const properties = [...standardProperties, ...(scenario.properties ?? [])];
  const violations: Violation[] = [];
  const refusals: Violation[] = [];
  const good: Remembered[] = [];
  const record = recording();
  const lanes = board.cpus.map((_, id) => laneOf(exploration, machine, id, properties, record, violations, refusals));
  const kernel = kernelOf(exploration, machine);
  loadKernelImage(machine.memory);
  failAllocations(machine.memory.control, scenario.allocationFailureOneIn ?? 0);
  scenario.setup?.(machine, kernel);
  for (const { cpu } of exploration.bare ? lanes : lanes.slice(0, 1)) cpu.words[CPU_POWER] = 1;

  const scheduler = schedulerOf(lanes, record, violations);
  if (exploration.from === 'brought-up') {
    for (const lane of lanes) lane.leave = lane.career.landing;
    record.begin(broughtUpBy());
    scheduler.run(exploration.mostPoints);
  }
  for (const lane of lanes) lane.leave = lane.career.stages.length;
  const start = saveStart(machine, lanes, violations, charts);
  return {
    machine,
    kernel,
    lanes,
    system: charts?.system,
    counts: () => totals(lanes.map(({ cpu }) => cpu.counts)),
    run(decide, acted) {
      restoreStart(machine, lanes, violations, start, charts);
      refusals.length = start.refused;
      record.begin(decide);
      const end = scheduler.run(exploration.mostPoints, acted);
      if (end.rests) judgeAtRest(lanes, properties, machine, kernel, violations, good);
      else if (end.stuck && violations.length === 0) violations.push(stallViolation(lanes.map(stuck), 0));
      const all = [...violations, ...refusals];
      const verdict = all.length > 0 ? 'violated' : end.rests ? 'good' : 'inconclusive';
      const cut = end.cut === true;
      return { verdict, cut, violations: all, decisions: record.decisions(), points: end.points };
    },
  };
}

function kernelOf({ board, kernel, scenario }: Exploration, { layout }: Machine): Kernel {
  const good = kernelText(kernel.revision);
  return createKernel(board, layout, kernel, scenario.text?.(good) ?? good);
}

function laneOf(
  exploration: Exploration,
  machine: Machine,
  id: number,
  properties: readonly Property[],
  record: Recording,
  violations: Violation[],
  refusals: Violation[],
): Lane {
  const { scenario, board, charts } = exploration;
  const kernel = kernelOf(exploration, machine);
  const report: Report = (cpu, property, message, evidence, remedy = '') => {
    violations.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
  };
  const cpu = cpuOf(machine, id, {
    choose: (bound, kind) => record.chance(bound, kind, id),
    controlled: true,
    observer: observerOf(properties, { kernel, report }),
    onMark: (mark) => {
      if (mark === MARK['features.refused']) lane.refused = true;
      tell(lane, mark);
      const violation = charts && judgeSystem(charts.system, id, mark);
      if (violation !== undefined) refusals.push(violation);
    },
  });
  const work = scenario.programs?.(id) ?? exploration.work;
  const career = exploration.bare ? bareCareer(exploration.bare(id)) : bootingCareer(id, board.lateCpus, work);
  const lane: Lane = {
    cpu,
    kernel,
    career,
    stack: [],
    begun: 0,
    leave: career.stages.length,
    at: undefined,
    halted: false,
    refused: false,
    chart: charts?.cpus[id],
    refusals,
    runs: false,
    stores: false,
    walks: false,
  };
  return lane;
}

/** How a run ended: nothing was left to do, nobody could go on, or neither (a violation, or too many points). */
interface End {
  readonly rests: boolean;
  readonly stuck: boolean;
  readonly cut?: boolean;
  readonly points: number;
}

interface Scheduler {
  readonly run: (mostPoints: number, acted?: Acted) => End;
}

/** One act at a time: whoever decides says who, until the first violation or the end. */
function schedulerOf(lanes: readonly Lane[], record: Recording, violations: readonly Violation[]): Scheduler {
  const ready: Ready = { actors: new Int32Array(lanes.length * ACTS), cpus: 0, count: 0 };
  return {
    run(mostPoints, acted) {
      for (const lane of lanes) takeStock(lane);
      let last = 0;
      for (let points = 0; points < mostPoints; ) {
        whoIsReady(lanes, ready, last);
        if (ready.count === 0) {
          const rests = lanes.every(isAtRest);
          return { rests, stuck: !rests, points };
        }
        const next = record.next(ready);
        if (next === CUT) return { rests: false, stuck: false, cut: true, points };
        const actor = ready.actors[next]!;
        const lane = lanes[cpuOfActor(actor)]!;
        const act = actOf(actor);
        if (act === STEP) {
          last = lane.cpu.id;
          points++;
          advance(lane);
          takeStock(lane);
        } else if (act === DRAIN) {
          drainSome(lane.cpu);
          takeStock(lane);
        } else speculate(lane.cpu);
        acted?.(actor, points);
        if (violations.length > 0) return { rests: false, stuck: false, points };
        if (lane.halted) {
          (violations as Violation[]).push(panicOf(lane));
          return { rests: false, stuck: false, points };
        }
      }
      return { rests: false, stuck: false, points: mostPoints };
    },
  };
}

/**
 * The CPU that went last leads; the hardware's own acts come last. When no CPU can go on, all that has been stored still
 * leaves the store buffers, which may wake somebody.
 */
function whoIsReady(lanes: readonly Lane[], ready: Ready, last: number): void {
  const { actors } = ready;
  let count = 0;
  if (canGoOn(lanes[last]!)) actors[count++] = last * ACTS + STEP;
  for (let id = 0; id < lanes.length; id++) if (id !== last && canGoOn(lanes[id]!)) actors[count++] = id * ACTS + STEP;
  ready.cpus = count;
  for (let id = 0; id < lanes.length; id++) {
    const lane = lanes[id]!;
    if (lane.stores) actors[count++] = id * ACTS + DRAIN;
    if (lane.walks && ready.cpus > 0) actors[count++] = id * ACTS + SPECULATE;
  }
  ready.count = count;
}
