import type { Footprint } from './footprint.ts';

/**
 * A number for what has happened so far, but for the order of independent acts: two beginnings of a run that differ in
 * nothing else have the same, and lead to the same state of the machine (Musuvathi and Qadeer 2007). 53 bits: among a million
 * states two different ones share a number once in 20,000 searches.
 */
export interface HistoryHash {
  readonly begin: () => void;
  /** How chance fell on the act that is under way. */
  readonly chance: (answer: number) => void;
  /** The act has been done. */
  readonly act: (actor: number, touched: Footprint) => void;
  readonly value: () => number;
}

export function historyHash(actors: number): HistoryHash {
  const low = new Lane32(actors, 0x9e3779b1);
  const high = new Lane32(actors, 0x85ebca6b);
  return {
    begin() {
      low.begin();
      high.begin();
    },
    chance(answer) {
      low.chance(answer);
      high.chance(answer);
    },
    act(actor, touched) {
      low.act(actor, touched);
      high.act(actor, touched);
    },
    value: () => (high.value() & 0x1f_ffff) * 2 ** 32 + low.value(),
  };
}

/** 32 bits of it. */
class Lane32 {
  readonly #salt: number;
  /** By actor: its last act, with all that it depends on. */
  readonly #actors: Int32Array;
  /** By place: the last act that wrote it, and those that have read it since, in any order. */
  readonly #written = new Map<number, number>();
  readonly #read = new Map<number, number>();
  #chances = 0;

  constructor(actors: number, salt: number) {
    this.#actors = new Int32Array(actors);
    this.#salt = salt;
  }

  begin(): void {
    this.#actors.fill(0);
    this.#written.clear();
    this.#read.clear();
    this.#chances = 0;
  }

  chance(answer: number): void {
    this.#chances = this.#mix(this.#chances ^ (answer + 1));
  }

  act(actor: number, { reads, writes }: Footprint): void {
    let past = 0;
    for (const place of reads) past = (past + this.#mix(place ^ this.#mix(this.#written.get(place) ?? 0))) | 0;
    for (const place of writes) {
      const read = this.#read.get(place) ?? 0;
      past = (past + this.#mix(~place ^ this.#mix((this.#written.get(place) ?? 0) + Math.imul(read, 3)))) | 0;
    }
    const hash = this.#mix(this.#mix(this.#actors[actor]! ^ (actor + 1)) ^ this.#mix(past ^ this.#chances));
    this.#chances = 0;
    this.#actors[actor] = hash;
    for (const place of reads) this.#read.set(place, ((this.#read.get(place) ?? 0) + hash) | 0);
    for (const place of writes) {
      this.#written.set(place, hash);
      this.#read.delete(place);
    }
  }

  value(): number {
    let all = 0;
    for (const last of this.#actors) all = this.#mix(all ^ last);
    return all >>> 0;
  }

  #mix(x: number): number {
    let h = Math.imul(x ^ (x >>> 16), this.#salt);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
    return h ^ (h >>> 13) ^ this.#salt;
  }
}
