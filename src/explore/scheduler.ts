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
    for (const lane of this.#lanes) takeStock(lane);
    for (;;) {
      if (this.#violations.length > 0 || this.#points >= mostPoints) return this.#end();
      const actor = this.#next === NOBODY ? this.#ask() : this.#next;
      if (actor === NOBODY) return this.#end(true);
      if (actor === CUT) return { ...this.#end(), cut: true };
      this.#next = NOBODY;
      const lane = this.#lanes[cpuOfActor(actor)]!;
      if (actOf(actor) === STEP) this.#step(lane);
      else this.#actByItself(lane, actor);
      if (lane.halted && this.#violations.length === 0) this.#violations.push(panicOf(lane));
    }
  }

  /**
   * A CPU that runs has come to its next point. If whoever decides lets it go on, it does so from here: to leave its program
   * and to come back costs more than most of what it does. Answers false where it must leave.
   */
  goesOn(lane: Lane): boolean {
    const { cpu } = lane;
    lane.at = cpu.point;
    this.#settle(lane);
    const itself = cpu.id * ACTS + STEP;
    const mayStay = lane.beforeStep === undefined;
    while (this.#violations.length === 0 && this.#points < this.#mostPoints) {
      const actor = this.#ask();
      if (actor === itself && mayStay && !interruptDue(cpu)) {
        this.#points++;
        this.#settled = false;
        return true;
      }
      if (actor === CUT || actor === NOBODY || actOf(actor) === STEP) {
        this.#next = actor;
        return false;
      }
      this.#actByItself(this.#lanes[cpuOfActor(actor)]!, actor);
    }
    return false;
  }

  #step(lane: Lane): void {
    this.#last = lane.cpu.id;
    this.#points++;
    this.#settled = false;
    advance(lane);
    if (!this.#settled) this.#settle(lane);
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
