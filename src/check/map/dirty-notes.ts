import type { Cpu } from '../../hardware/cpu.ts';
import type { Layout } from '../../hardware/memory/layout.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import { lockNotesBytes } from '../locking/lock-notes.ts';

/**
 * Which user pages have been written since the kernel last asked: a slot of the machine's buffer each, between the notebook
 * and what is noted of locks. A slot holds the physical address of a page; 0: it is free.
 */
const SLOTS = 64;
export const DIRTY_NOTES_BYTES = SLOTS * 8;
const FREE = 0n;

type Place = Pick<Cpu, 'memory' | 'layout'>;

const attached = new WeakMap<Memory, BigInt64Array>();

function slotsOf({ memory, layout }: Place): BigInt64Array {
  let slots = attached.get(memory);
  if (slots === undefined) {
    slots = new BigInt64Array(memory.buffer, firstOf(layout), SLOTS);
    attached.set(memory, slots);
  }
  return slots;
}

function firstOf(layout: Layout): number {
  return layout.checks + layout.checksBytes - lockNotesBytes(layout) - DIRTY_NOTES_BYTES;
}

/** The page at `pa` has been written. False: there is no room to note it. */
export function noteWritten(place: Place, pa: number): boolean {
  const slots = slotsOf(place);
  const page = pageAt(place, pa);
  if (slots.indexOf(page) >= 0) return true;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (Atomics.load(slots, slot) !== FREE) continue;
    wrote(place, slot);
    if (Atomics.compareExchange(slots, slot, FREE, page) === FREE) return true;
  }
  return false;
}

/** Whether one of the pages was written; from here on none was. Two CPUs may have noted the same one. */
export function takeWritten(place: Place, pa: number, bytes: number): boolean {
  const slots = slotsOf(place);
  let written = false;
  for (let slot = 0; slot < SLOTS; slot++) {
    const page = Number(Atomics.load(slots, slot));
    if (page === 0 || page < pa || page >= pa + bytes) continue;
    Atomics.store(slots, slot, FREE);
    wrote(place, slot);
    written = true;
  }
  return written;
}

/** Physical addresses of the pages that have been written. */
export function writtenPages(place: Place): number[] {
  const pages = new Set<number>();
  for (const page of slotsOf(place)) if (page !== FREE) pages.add(Number(page));
  return [...pages];
}

function pageAt({ memory }: Place, pa: number): bigint {
  return BigInt(pa - (pa % memory.pageBytes));
}

/** For a scheduler that must know which steps depend on which. */
function wrote({ memory, layout }: Place, slot: number): void {
  memory.watcher?.wrote(firstOf(layout) / 8 + slot);
}
