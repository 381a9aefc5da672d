import { ACCESSES, DSBS, TABLE_STORES, TLBIS_APPLIED } from '../../hardware/counters.ts';
import { CONTROL_ROOTS_EPOCH } from '../../hardware/cpu.ts';
import { CPU_WORDS } from '../../hardware/memory/layout.ts';
import { CONTROL_MARKS } from '../../hardware/memory/mark-log.ts';
import {
  CONTROL_ALLOC_CURSOR,
  CONTROL_ALLOCATED,
  CONTROL_DVM_COMPLETED,
  CONTROL_DVM_ISSUED,
  CONTROL_HINT_CURSOR,
  FRAME_ROOT,
  FRAME_TABLE,
  type Memory,
  wordOf,
} from '../../hardware/memory/memory.ts';
import { buffered } from '../../hardware/store-buffer/drain.ts';
import { CPU_IRQ_PENDING, CPU_POWER } from '../../hardware/tlbi/dvm.ts';
import { actOf, cpuOfActor, DRAIN, SPECULATE } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import type { Lane } from '../lane.ts';

/**
 * What one act touched, as places: two acts of different actors that touch no place in common, or only read it, can change
 * places and nothing comes out differently. Places are coarse where that is safe: a whole table page, the whole DVM log.
 */
export interface Footprint {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** A bit for every place, shared by many: where two masks have none in common, neither have the sets. */
  readonly readMask: number;
  readonly writeMask: number;
}

export function dependent(a: Footprint, b: Footprint): boolean {
  if (((a.writeMask & (b.writeMask | b.readMask)) | (b.writeMask & a.readMask)) === 0) return false;
  for (const place of a.writes) if (b.writes.has(place) || b.reads.has(place)) return true;
  for (const place of b.writes) if (a.reads.has(place)) return true;
  return false;
}

export function footprintOf(reads: ReadonlySet<number>, writes: ReadonlySet<number>): Footprint {
  return { reads, writes, readMask: maskOf(reads), writeMask: maskOf(writes) };
}

export function union(a: Footprint, b: Footprint): Footprint {
  return footprintOf(new Set([...a.reads, ...b.reads]), new Set([...a.writes, ...b.writes]));
}

function maskOf(places: ReadonlySet<number>): number {
  let mask = 0;
  for (const place of places) mask |= 1 << (Math.imul(place, 0x9e3779b1) >>> 27);
  return mask;
}

/** The DVM log; the pool of frames; everybody's TTBRs; what checks note; what the system's chart remembers; hints. */
const DVM = 0;
const POOL = 1;
const ROOTS = 2;
const NOTES = 3;
const SYSTEM_CHART = 4;
const HINTS = 5;
/** Of each CPU: pending interrupts and power, the TLB with the walk cache, the store buffer. */
const IRQ = 0;
const TLB = 1;
const STORES = 2;
const FIRST_CPU = 8;
const PER_CPU = 4;
const FIRST_FRAME = 2 ** 16;
const FIRST_WORD = 2 ** 24;

const ofCpu = (cpu: number, what: number): number => FIRST_CPU + cpu * PER_CPU + what;

/** Words of `control` whose change tells of a write to a place. */
const TELLTALES: readonly (readonly [word: number, place: number])[] = [
  [CONTROL_DVM_ISSUED, DVM],
  [CONTROL_DVM_COMPLETED, DVM],
  [CONTROL_ALLOC_CURSOR, POOL],
  [CONTROL_ALLOCATED, POOL],
  [CONTROL_ROOTS_EPOCH, ROOTS],
  [CONTROL_HINT_CURSOR, HINTS],
];

/** Sees what each act touches. */
export interface Tracker {
  /** Before the first act that matters. */
  readonly begin: () => void;
  /** What the act that has just been done touched. */
  readonly acted: (actor: number) => Footprint;
  /** Stops watching. */
  readonly end: () => void;
}

export function trackerOf({ machine, lanes, system }: Pick<Interleaver, 'machine' | 'lanes' | 'system'>): Tracker {
  const { memory } = machine;
  const { control } = memory;
  const { cpuWords } = lanes[0]!.cpu.dvm;
  let reads = new Set<number>();
  let writes = new Set<number>();
  const told = new Int32Array(TELLTALES.length);
  const seen = lanes.map(() => new Int32Array(SEEN));
  let chart = 0;
  let marks = 0;
  const fetches = lanes.map(({ cpu: { port } }) => port.fetch);

  return {
    begin() {
      memory.watcher = {
        read: (word) => reads.add(placeOfWord(memory, word)),
        wrote: (word) => writes.add(placeOfWord(memory, word)),
      };
      lanes.forEach(({ cpu }, id) => {
        const fetch = fetches[id]!;
        cpu.port.fetch = (pa, low, high) => {
          const word = wordOf(memory, pa);
          if (word >= 0) reads.add(placeOfWord(memory, word));
          return fetch(pa, low, high);
        };
      });
      reads = new Set();
      writes = new Set();
      look();
    },
    acted(actor) {
      const id = cpuOfActor(actor);
      const before = seen[id]!;
      const waited = before[WAITED]!;
      const masked = before[MASKED]! === 1;
      if (waited >= 0) reads.add(placeOfHalf(waited));
      TELLTALES.forEach(([word, place], at) => {
        if (control[word] !== told[at]) writes.add(place);
      });
      if (system !== undefined && control[CONTROL_MARKS] !== marks) reads.add(SYSTEM_CHART);
      if (system !== undefined && system.save() !== chart) writes.add(SYSTEM_CHART);
      touchedByCpu(lanes[id]!, before, actOf(actor));
      for (let cpu = 0; cpu < lanes.length; cpu++)
        if (irqOf(cpu) !== seen[cpu]![PENDING] || powerOf(cpu) !== seen[cpu]![POWERED]) writes.add(ofCpu(cpu, IRQ));
      if (!masked || !lanes[id]!.cpu.irqMasked) reads.add(ofCpu(id, IRQ));
      const footprint = footprintOf(reads, writes);
      reads = new Set();
      writes = new Set();
      look();
      return footprint;
    },
    end() {
      memory.watcher = undefined;
      lanes.forEach(({ cpu }, id) => {
        cpu.port.fetch = fetches[id]!;
      });
    },
  };

  function touchedByCpu({ cpu }: Lane, before: Int32Array, act: number): void {
    const translated = cpu.mmuOn && cpu.counts[ACCESSES] !== before[TRANSLATIONS];
    const invalidated = cpu.counts[TLBIS_APPLIED] !== before[INVALIDATIONS];
    if (translated || invalidated || act === SPECULATE || writes.has(ROOTS) || writes.has(DVM))
      writes.add(ofCpu(cpu.id, TLB));
    if (translated || act === SPECULATE || writes.has(ROOTS)) reads.add(DVM);
    if (act === SPECULATE) reads.add(HINTS);
    const stored = cpu.counts[TABLE_STORES] !== before[MADE_VISIBLE];
    const inTree = stored && hangsSomewhere(writes);
    if (inTree || writes.has(DVM)) writes.add(NOTES);
    if (inTree) reads.add(ROOTS);
    const barrier = cpu.counts[DSBS] !== before[BARRIERS];
    if (barrier) reads.add(DVM);
    if (barrier || act === DRAIN || buffered(cpu) !== before[BUFFERED]) writes.add(ofCpu(cpu.id, STORES));
  }

  /** A page among the places hangs in some tree: checks take note of what becomes of its entries. */
  function hangsSomewhere(places: ReadonlySet<number>): boolean {
    for (const place of places)
      if (place >= FIRST_FRAME && place < FIRST_WORD && memory.frameMeta[(place - FIRST_FRAME) * 4 + FRAME_ROOT] !== 0)
        return true;
    return false;
  }

  function look(): void {
    TELLTALES.forEach(([word], at) => {
      told[at] = control[word]!;
    });
    chart = system?.save() ?? 0;
    marks = control[CONTROL_MARKS]!;
    lanes.forEach(({ cpu, at }, id) => {
      const now = seen[id]!;
      now[TRANSLATIONS] = cpu.counts[ACCESSES]!;
      now[MADE_VISIBLE] = cpu.counts[TABLE_STORES]!;
      now[INVALIDATIONS] = cpu.counts[TLBIS_APPLIED]!;
      now[BARRIERS] = cpu.counts[DSBS]!;
      now[BUFFERED] = buffered(cpu);
      now[WAITED] = at?.kind === 'wait' ? at.word : -1;
      now[MASKED] = cpu.irqMasked ? 1 : 0;
      now[PENDING] = irqOf(id);
      now[POWERED] = powerOf(id);
    });
  }

  function irqOf(cpu: number): number {
    return cpuWords[cpu * CPU_WORDS + CPU_IRQ_PENDING]!;
  }

  function powerOf(cpu: number): number {
    return cpuWords[cpu * CPU_WORDS + CPU_POWER]!;
  }

  /** A 32-bit word that somebody waited for: of memory, or of a CPU's own words. */
  function placeOfHalf(half: number): number {
    const first = cpuWords.byteOffset / 4;
    if (half >= first && half < first + cpuWords.length) return ofCpu(Math.floor((half - first) / CPU_WORDS), IRQ);
    return placeOfWord(memory, half >> 1);
  }
}

/** What is compared of a CPU before and after an act. */
const TRANSLATIONS = 0;
const MADE_VISIBLE = 1;
const BARRIERS = 2;
const BUFFERED = 3;
const WAITED = 4;
const MASKED = 5;
const PENDING = 6;
const POWERED = 7;
const INVALIDATIONS = 8;
const SEEN = 9;

/** A page of the pool is one place, and so is a root table; other words are places of their own. */
function placeOfWord({ imageWord, imageFrames, pageShift, frameState }: Memory, word: number): number {
  const frame = (word - imageWord) >> (pageShift - 3);
  return frame >= imageFrames || frameState[frame] === FRAME_TABLE ? FIRST_FRAME + frame : FIRST_WORD + word;
}
