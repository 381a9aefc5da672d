import { actOf, cpuOfActor, STEP } from '../../src/explore/decide.ts';
import type { Interleaver } from '../../src/explore/interleaver.ts';
import type { Lane } from '../../src/explore/lane.ts';
import { uniform } from '../../src/explore/strategy/random.ts';
import type { Op } from '../../src/hardware/op.ts';
import { isImage } from '../../src/kernel/address-space.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';

/**
 * What races what, as it is seen to: good scenarios are run in random orders, and whenever a CPU steps it is noted in the middle of
 * which functions the others stand. Which functions those are says the call stack at the points where they stopped: a function
 * that nobody calls any more, or interrupts, cannot be said to race.
 */

/** Names of scenarios in which a function was seen to race, by whom it races with. */
export interface Races {
  /** Other CPUs that used memory, and were in none of the functions. */
  readonly readers: Set<string>;
  /** Other CPUs in one of the functions. */
  readonly changers: Set<string>;
  /** A handler that an interrupt began in the middle of it, and that used memory or was in one of the functions. */
  readonly interrupts: Set<string>;
}

export function noRaces(): Races {
  return { readers: new Set(), changers: new Set(), interrupts: new Set() };
}

/** How much is looked at: random schedules, or fewer that have so many points together. */
export interface Patience {
  readonly schedules: number;
  readonly points: number;
}

/** Deep enough for a split under a change under a scenario's own text. */
const STACK_DEPTH = 60;

/** Adds to `races`, by function, what the schedules of seed 1 show. */
export function watchRaces(
  interleaver: Interleaver,
  scenario: string,
  races: ReadonlyMap<string, Races>,
  { schedules, points }: Patience,
): void {
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = STACK_DEPTH;
  Error.prepareStackTrace = (_error, sites) => sites.map((site) => site.getFunctionName());
  try {
    const strategy = uniform(1);
    for (let index = 0, done = 0; index < schedules && done < points; index++) {
      const watch = new Watch(interleaver, scenario, races);
      const run = interleaver.run(strategy.decide(index)!, (actor) => watch.acted(actor));
      if (run.verdict !== 'good') throw new Error(`${scenario}: schedule ${index} is ${run.verdict}`);
      done += run.points;
    }
  } finally {
    Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  }
}

/** What a CPU is about to do, and in the middle of which of the functions. */
interface Standing {
  readonly functions: readonly string[];
  readonly usesMemory: boolean;
}

const NOWHERE: Standing = { functions: [], usesMemory: false };

/** One run. */
class Watch {
  readonly #lanes: readonly Lane[];
  readonly #kernel: Kernel;
  readonly #scenario: string;
  readonly #races: ReadonlyMap<string, Races>;
  /** Where each program of each CPU stands, those that are interrupted included. */
  readonly #standing = new Map<Op, Standing>();
  /** By CPU: the program that is on top, and what that was about to do before its last step. */
  readonly #before: (Op | undefined)[] = [];

  constructor({ lanes, kernel }: Interleaver, scenario: string, races: ReadonlyMap<string, Races>) {
    this.#lanes = lanes;
    this.#kernel = kernel;
    this.#scenario = scenario;
    this.#races = races;
  }

  acted(actor: number): void {
    if (actOf(actor) !== STEP) return;
    const lane = this.#lanes[cpuOfActor(actor)]!;
    const top = lane.stack.at(-1);
    const did = this.#before[lane.cpu.id] === top && top !== undefined ? this.#standing.get(top) : undefined;
    if (did !== undefined) this.#did(lane, did);
    this.#before[lane.cpu.id] = top;
    if (top !== undefined && lane.at !== undefined) this.#standing.set(top, this.#where(lane, top));
  }

  /** CPUs meet where one of them does what it stood before. */
  #did(lane: Lane, { functions, usesMemory }: Standing): void {
    if (functions.length === 0 && !usesMemory) return;
    const kind = functions.length > 0 ? 'changers' : 'readers';
    for (const other of this.#lanes) if (other !== lane) this.#met(other.stack, kind);
    if (lane.handlers.has(lane.stack.at(-1)!)) this.#met(lane.stack.slice(0, -1), 'interrupts');
  }

  #met(programs: readonly Op[], kind: keyof Races): void {
    for (const program of programs)
      for (const name of (this.#standing.get(program) ?? NOWHERE).functions)
        this.#races.get(name)![kind].add(this.#scenario);
  }

  /** A program that waits is not on the call stack: it stands where it last was; but between what a stop runs, in none of it. */
  #where({ at, cpu }: Lane, top: Op): Standing {
    const functions = [...new Set(functionsOnStack())].filter((name) => this.#races.has(name));
    if (at!.kind === 'wait' && at!.reason?.startsWith(STOP_STATE)) return NOWHERE;
    if (at!.kind === 'wait') return { ...(this.#standing.get(top) ?? NOWHERE), usesMemory: false };
    return { functions, usesMemory: MEMORY.has(at!.kind) && !this.#isImage(cpu.point.address) };
  }

  /** The kernel's own variables are no business of a change of page tables. */
  #isImage(va: number): boolean {
    return isImage(this.#kernel.space, va);
  }
}

/** What multi_cpu_stop() waits for. */
const STOP_STATE = 'stop_machine: state ';

const MEMORY: ReadonlySet<string> = new Set(['load', 'store', 'burst', 'fetch']);

/** Innermost first, as `watchRaces` has stacks prepared. Of a generator that runs all that it was delegated from are there too. */
function functionsOnStack(): string[] {
  return new Error().stack as unknown as string[];
}
