import { judgeSystem } from '../check/chart/chart.ts';
import type { BoardCharts, SystemChart } from '../check/chart/chart-table.ts';
import { stallViolation } from '../check/progress/progress.ts';
import { standardProperties } from '../check/standard.ts';
import type { Property, Report, Violation } from '../check/violation.ts';
import { observerOf } from '../check/watch.ts';
import { type Board, MiB } from '../hardware/board/board.ts';
import { type Counts, totals } from '../hardware/counters.ts';
import { cpuOf, createMachine, type Machine } from '../hardware/system.ts';
import { CPU_POWER } from '../hardware/tlbi/dvm.ts';
import { loadKernelImage } from '../kernel/boot/boot.ts';
import { cpuSupportsBbml2Noabort } from '../kernel/boot/cpufeature.ts';
import { type KernelConfig, tablePagesNeeded } from '../kernel/config.ts';
import { createKernel, type Kernel } from '../kernel/kernel.ts';
import { MARK } from '../kernel/marks.ts';
import { failAllocations } from '../kernel/tables/pgalloc.ts';
import { kernelText } from '../kernel/text.ts';
import { handlersOf, type Program, type Scenario, textOf } from '../scenario/scenario.ts';
import { broughtUpBy } from './bring-up.ts';
import { bareCareer, bootingCareer } from './career.ts';
import type { Decide, Decisions } from './decide.ts';
import { type Lane, tell } from './lane.ts';
import { livelockOf } from './livelock.ts';
import type { Remembered } from './machine-image.ts';
import { type Recording, recording } from './recording.ts';
import { replaying } from './replay.ts';
import { judgeAtRest } from './rest.ts';
import { type Acted, type End, Scheduler } from './scheduler.ts';
import { restoreStart, saveStart } from './start.ts';
import { whoWaits } from './wake-ups.ts';

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

export type { Acted };

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
/** Small boards put back less. */
const checksBytes = ({ cpus, memory }: Board): number =>
  cpus.length <= 8 && memory.every(({ bytes }) => bytes <= 64 * MiB) ? 16 * 1024 : 64 * 1024;

/** Points for which a run that was given up is watched, at most: enough for circles of some hundred steps. */
const MOST_WATCHED = 10_000;

/** Points in which a machine is brought up, at most. */
const MOST_BROUGHT_UP = 100_000;

/** A repaint needs all CPUs, and so has to be part of what is explored. */
function landsBooted({ board, scenario, kernel }: Exploration): boolean {
  const able = board.cpus.map((model) => cpuSupportsBbml2Noabort(model, kernel.revision));
  return scenario.exploredOnceBooted === true && (able[0] !== true || !able.includes(false));
}

/** Puts the machine together and brings it to its start. */
export function interleaverOf(exploration: Exploration): Interleaver {
  const { board, scenario, charts } = exploration;
  const machine = createMachine(board, {
    poolFrames: tablePagesNeeded(board),
    dvmLogRecords: DVM_LOG_RECORDS,
    checksBytes: checksBytes(board),
  });
  const properties = [...standardProperties, ...(scenario.properties ?? [])];
  const violations: Violation[] = [];
  const refusals: Violation[] = [];
  const good: Remembered[] = [];
  const record = recording();
  const goesOn = (lane: Lane): boolean => scheduler.goesOn(lane);
  const lanes = board.cpus.map((_, id) =>
    laneOf(exploration, machine, id, { properties, record, violations, refusals, goesOn }),
  );
  const kernel = kernelOf(exploration, machine);
  loadKernelImage(machine.memory);
  failAllocations(machine.memory.control, scenario.allocationFailureOneIn ?? 0);
  scenario.setup?.(machine, kernel);
  for (const { cpu } of exploration.bare ? lanes : lanes.slice(0, 1)) cpu.words[CPU_POWER] = 1;

  const scheduler = new Scheduler(lanes, record, violations);
  if (exploration.from === 'brought-up') {
    for (const lane of lanes) lane.leave = lane.career.landing;
    record.begin(broughtUpBy());
    scheduler.run(Math.max(exploration.mostPoints, MOST_BROUGHT_UP));
  }
  for (const lane of lanes) lane.leave = lane.career.stages.length;
  const start = saveStart(machine, lanes, violations, charts);
  const goOn = (decide: Decide, mostPoints: number, watch?: Acted): End => {
    record.begin(decide);
    return scheduler.run(mostPoints, watch);
  };
  const fromStart = (decide: Decide, watch?: Acted): End => {
    restoreStart(machine, lanes, violations, start, charts);
    refusals.length = start.refused;
    return goOn(decide, exploration.mostPoints, watch);
  };
  return {
    machine,
    kernel,
    lanes,
    system: charts?.system,
    counts: () => totals(lanes.map(({ cpu }) => cpu.counts)),
    run(decide, acted) {
      const end = fromStart(decide, acted);
      const decisions = record.decisions();
      if (end.rests) judgeAtRest(lanes, properties, machine, kernel, violations, good);
      else if (end.stuck && violations.length === 0) {
        const cpus = whoWaits({ machine, lanes }, (watch) => fromStart(replaying(decisions), watch));
        violations.push(stallViolation(cpus, 0));
      } else if (!end.cut && violations.length === 0) {
        const refused = refusals.length;
        const watched = Math.min(exploration.mostPoints, MOST_WATCHED);
        const livelock = livelockOf({ machine, lanes }, (turns) => goOn(turns, watched).points >= watched);
        // What else came of going on is not what this run was asked for.
        violations.splice(0, violations.length, ...(livelock === undefined ? [] : [livelock]));
        refusals.length = refused;
      }
      const all = [...violations, ...refusals];
      const verdict = all.length > 0 ? 'violated' : end.rests ? 'good' : 'inconclusive';
      return { verdict, cut: end.cut, violations: all, decisions, points: end.points };
    },
  };
}

function kernelOf({ board, kernel, scenario }: Exploration, { layout }: Machine): Kernel {
  return createKernel(board, layout, kernel, textOf(scenario, kernelText(kernel.revision)));
}

/** What all CPUs of one machine are tied to. */
interface Surroundings {
  readonly properties: readonly Property[];
  readonly record: Recording;
  readonly violations: Violation[];
  readonly refusals: Violation[];
  readonly goesOn: (lane: Lane) => boolean;
}

function laneOf(
  exploration: Exploration,
  machine: Machine,
  id: number,
  { properties, record, violations, refusals, goesOn }: Surroundings,
): Lane {
  const { scenario, board, charts } = exploration;
  const kernel = kernelOf(exploration, machine);
  const report: Report = (cpu, property, message, evidence, remedy = '') => {
    violations.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
  };
  const cpu = cpuOf(machine, id, {
    choose: (bound, kind) => record.chance(bound, kind, id),
    controlled: true,
    goesOn: () => goesOn(lane),
    observer: observerOf(properties, { kernel, report }),
    onMark: (mark) => {
      if (mark === MARK['features.refused']) lane.refused = true;
      tell(lane, mark);
      const violation = charts && judgeSystem(charts.system, id, mark);
      if (violation !== undefined) refusals.push(violation);
    },
  });
  const work = (scenario.briefPrograms ?? scenario.programs)?.(id) ?? exploration.work;
  const career = exploration.bare
    ? bareCareer(exploration.bare(id))
    : bootingCareer(id, board.lateCpus, work, handlersOf(scenario, id), landsBooted(exploration));
  const lane: Lane = {
    cpu,
    kernel,
    career,
    stack: [],
    handlers: new Set(),
    stage: undefined,
    begun: 0,
    leave: career.stages.length,
    at: undefined,
    halted: false,
    refused: false,
    chart: charts?.cpus[id],
    refusals,
    isRunning: false,
    runs: false,
    stores: false,
    walks: false,
  };
  return lane;
}
