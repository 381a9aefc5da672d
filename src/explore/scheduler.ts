import type { Violation } from '../check/violation.ts';
import { interruptDue } from '../hardware/interrupt.ts';
import { drainSome } from '../hardware/store-buffer/drain.ts';
import { speculate } from '../hardware/translation/speculation.ts';
import { ACTS, actOf, CUT, cpuOfActor, DRAIN, type Ready, SPECULATE, STEP } from './decide.ts';
import { advance, canGoOn, isAtRest, type Lane, panicOf, takeStock } from './lane.ts';
import type { Recording } from './recording.ts';

/** Called after each act: who acted, and how many points there have been. */
export type Acted = (actor: number, point: number) => void;

/** How a run ended: nothing was left to do, nobody could go on, or neither (a violation, a cut, or too many points). */
export interface End {
  readonly rests: boolean;
  readonly stuck: boolean;
  readonly cut: boolean;
  readonly points: number;
}

/** Nobody has been chosen. */
const NOBODY = -2;
/** So many may be: each takes some of the host's stack. */
const DEEPEST = 8;

/** One act at a time: whoever decides says who, until the first violation or the end. */
export class Scheduler {
  readonly #lanes: readonly Lane[];
  readonly #record: Recording;
  readonly #violations: Violation[];
  readonly #ready: Ready;
  #acted: Acted | undefined;
  #mostPoints = 0;
  #points = 0;
  /** The CPU that went last. */
  #last = 0;
  /** Who acts next, where that is decided already; `NOBODY`: it is not, `CUT`: nobody does. */
  #next = NOBODY;
  /** CPUs whose programs are under way, one in the step of the other. */
  #depth = 0;
  /** The act under way has been accounted for: its CPU stands at its next point. */
  #settled = false;

  constructor(lanes: readonly Lane[], record: Recording, violations: Violation[]) {
    this.#lanes = lanes;
    this.#record = record;
    this.#violations = violations;
    this.#ready = { actors: new Int32Array(lanes.length * ACTS), cpus: 0, count: 0 };
  }

  run(mostPoints: number, acted?: Acted): End {
    this.#acted = acted;
    this.#mostPoints = mostPoints;
    this.#points = 0;
    this.#last = 0;
    this.#next = NOBODY;
    this.#depth = 0;
    for (const lane of this.#lanes) {
      lane.isRunning = false;
      takeStock(lane);
    }
    for (;;) {
      if (this.#violations.length > 0 || this.#points >= mostPoints) return this.#end();
      const actor = this.#next === NOBODY ? this.#ask() : this.#next;
      if (actor === NOBODY) return this.#end(true);
      if (actor === CUT) return { ...this.#end(), cut: true };
      this.#act(this.#lanes[cpuOfActor(actor)]!, actor);
    }
  }

  /**
   * A CPU that runs has come to its next point. Whoever goes on does so from here: the CPU itself, or others whose programs are not
   * under way on the host's stack already; for to leave a program and to come back costs more than most of what it does. Answers false
   * where the CPU must leave.
   */
  goesOn(lane: Lane): boolean {
    const { cpu } = lane;
    lane.at = cpu.point;
    this.#settle(lane);
    const itself = cpu.id * ACTS + STEP;
    const mayStay = lane.beforeStep === undefined;
    while (this.#violations.length === 0 && this.#points < this.#mostPoints) {
      const actor = this.#next === NOBODY ? this.#ask() : this.#next;
      if (actor === itself && mayStay && !interruptDue(cpu)) {
        this.#next = NOBODY;
        this.#last = cpu.id;
        this.#points++;
        this.#settled = false;
        return true;
      }
      this.#next = actor;
      if (actor === CUT || actor === NOBODY) return false;
      const other = this.#lanes[cpuOfActor(actor)]!;
      if (actOf(actor) === STEP && (other.isRunning || this.#depth === DEEPEST)) return false;
      this.#act(other, actor);
    }
    return false;
  }

  #act(lane: Lane, actor: number): void {
    this.#next = NOBODY;
    if (actOf(actor) === STEP) this.#step(lane);
    else this.#actByItself(lane, actor);
  }

  #step(lane: Lane): void {
    this.#last = lane.cpu.id;
    this.#points++;
    this.#settled = false;
    this.#depth++;
    lane.isRunning = true;
    advance(lane);
    lane.isRunning = false;
    this.#depth--;
    if (!this.#settled) this.#settle(lane);
    if (lane.halted && this.#violations.length === 0) this.#violations.push(panicOf(lane));
  }

  #settle(lane: Lane): void {
    this.#settled = true;
    takeStock(lane);
    this.#acted?.(lane.cpu.id * ACTS + STEP, this.#points);
  }

  #actByItself(lane: Lane, actor: number): void {
    if (actOf(actor) === DRAIN) {
      drainSome(lane.cpu);
      takeStock(lane);
    } else speculate(lane.cpu);
    this.#acted?.(actor, this.#points);
  }

  #ask(): number {
    whoIsReady(this.#lanes, this.#ready, this.#last);
    if (this.#ready.count === 0) return NOBODY;
    const next = this.#record.next(this.#ready);
    return next === CUT ? CUT : this.#ready.actors[next]!;
  }

  /** `nobody`: no one could act. */
  #end(nobody = false): End {
    const rests = nobody && this.#lanes.every(isAtRest);
    return { rests, stuck: nobody && !rests, cut: false, points: this.#points };
  }
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
