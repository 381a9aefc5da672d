import { type AnyActor, createActor, type EventObject, type Snapshot } from 'xstate';
import type { ChartBoard, ChartCpu } from '../src/check/chart/chart-board.ts';
import type { ChartVocabulary, ProgramName } from '../src/check/chart/chart-events.ts';
import type { BoardCharts, CpuChart, SystemChart } from '../src/check/chart/chart-table.ts';
import { accepts } from './accepts.ts';
import { cpuEventOf, systemEventOf } from './chart-event.ts';
import { type ProgramLogic, standing } from './cpu/cpu-chart.ts';
import { cpuMachine } from './cpu.machine.ts';
import { statePath } from './state-path.ts';
import { systemMachine } from './system.machine.ts';

const NO_PROGRAM = -1;

/** All charts of a board as actors, behind the doors that tables have. `words`: `CHART_VOCABULARY`. */
export function realCharts(board: ChartBoard, words: ChartVocabulary): BoardCharts {
  return { cpus: board.cpus.map((cpu) => realCpu(cpu, words)), system: realSystem(board, words) };
}

/** An event as an actor hears it; undefined: nobody is there to say it. */
interface Heard {
  readonly event: EventObject | undefined;
  /** The program whose end it is: that program's own actor says so. */
  readonly endOf?: ProgramName;
}

/** What an actor is told, and how it is begun: at the chart's beginning, or where another one was kept. */
interface Life {
  readonly begin: (started: (program: number) => void, kept: { readonly snapshot?: Snapshot<unknown> }) => AnyActor;
  readonly events: readonly Heard[];
  readonly markBy: (cpu: number, mark: number) => EventObject;
}

function realCpu(cpu: ChartCpu, { cpu: events, programs }: ChartVocabulary): CpuChart {
  return new RealChart({
    begin: (started, kept) => {
      const program = (name: ProgramName): ProgramLogic => ({
        ...standing,
        start: () => started(programs.indexOf(name)),
      });
      const actors = {
        bootProgram: program('boot'),
        bringUpProgram: program('bringUp'),
        idleProgram: program('idle'),
        workProgram: program('work'),
        stopperProgram: program('stopper'),
      };
      return createActor(cpuMachine.provide({ actors }), { input: cpu, ...kept });
    },
    events: events.map((event) =>
      event.type === 'program.finished'
        ? { event: cpuEventOf(event), endOf: event.program }
        : { event: cpuEventOf(event) },
    ),
    markBy: (_, mark) => cpuEventOf(events[mark]!),
  });
}

function realSystem(board: ChartBoard, { cpu: marks, system: events }: ChartVocabulary): SystemChart {
  const input = { cpus: board.cpus.length, lateCpus: board.groups.late };
  return new RealChart({
    begin: (_, kept) => createActor(systemMachine, { input, ...kept }),
    events: events.map((event) => ({ event: systemEventOf(event, board) })),
    markBy: (cpu, mark) => ({ type: marks[mark]!.type, cpu }) as EventObject,
  });
}

class RealChart implements CpuChart, SystemChart {
  started = NO_PROGRAM;
  readonly #life: Life;
  readonly #kept: Snapshot<unknown>[] = [];
  #actor: AnyActor;

  constructor(life: Life) {
    this.#life = life;
    this.#actor = this.#begin({});
  }

  step(event: number): boolean {
    return this.#take(this.#life.events[event]!);
  }

  mark(cpu: number, mark: number): boolean {
    return this.#take({ event: this.#life.markBy(cpu, mark) });
  }

  get state(): string {
    return statePath(this.#actor.getSnapshot());
  }

  get ended(): boolean {
    return this.#actor.getSnapshot().hasTag('ended');
  }

  start(): void {
    this.#goOn({});
  }

  save(): number {
    return this.#kept.push(this.#actor.getPersistedSnapshot()) - 1;
  }

  restore(saved: number): void {
    this.#goOn({ snapshot: this.#kept[saved]! });
  }

  #goOn(kept: { readonly snapshot?: Snapshot<unknown> }): void {
    this.#actor.stop();
    this.#actor = this.#begin(kept);
  }

  /** Programs that were under way are under way again: none of them is started by that. */
  #begin(kept: { readonly snapshot?: Snapshot<unknown> }): AnyActor {
    const actor = this.#life.begin((program) => {
      this.started = program;
    }, kept);
    actor.start();
    this.started = NO_PROGRAM;
    return actor;
  }

  #take({ event, endOf }: Heard): boolean {
    this.started = NO_PROGRAM;
    const snapshot = this.#actor.getSnapshot();
    if (event === undefined || !accepts(snapshot, event)) return false;
    if (endOf === undefined) this.#actor.send(event);
    else snapshot.children[endOf].send({ type: 'program.finished' });
    return true;
  }
}
