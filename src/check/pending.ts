import type { Cpu } from '../hardware/cpu.ts';
import { ahead, type DvmRecord, issued, removes, TLBI_ANY_ASID } from '../hardware/dvm.ts';
import type { Layout } from '../hardware/layout.ts';
import { CONTROL_CHECK_LOCK, type Memory } from '../hardware/memory.ts';
import type { Place } from '../hardware/table-word.ts';

/**
 * Translations that were taken away or replaced, and may still be cached somewhere: the shared notebook of the checks.
 * An entry is struck out when a broadcast TLBI that covers it, issued after the change was visible, has completed.
 * Neighbouring replacements of one kind share an entry, so that a whole repaint needs a handful.
 */
export interface Pending {
  readonly capacity: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly step: Float64Array;
  readonly before: BigUint64Array;
  /** Six words an entry: kind, level, position, changes, cpu, and whether a TLBI has been issued for it. */
  readonly words: Int32Array;
  readonly control: Int32Array;
}

export const BROKEN = 1;
export const REPLACED = 2;

const KIND = 0;
const LEVEL = 1;
const POSITION = 2;
const CHANGES = 3;
const CPU = 4;
const ISSUED = 5;
const WORDS = 6;
const ENTRY_BYTES = 8 * 4 + WORDS * 4;

export function attachPending(memory: Memory, layout: Layout): Pending {
  const capacity = Math.floor(layout.checksBytes / ENTRY_BYTES / 8) * 8;
  const { buffer } = memory;
  const base = layout.checks;
  return {
    capacity,
    start: new Float64Array(buffer, base, capacity),
    end: new Float64Array(buffer, base + capacity * 8, capacity),
    step: new Float64Array(buffer, base + capacity * 16, capacity),
    before: new BigUint64Array(buffer, base + capacity * 24, capacity),
    words: new Int32Array(buffer, base + capacity * 32, capacity * WORDS),
    control: memory.control,
  };
}

/** One noted change, read out. */
export interface PendingChange {
  readonly kind: typeof BROKEN | typeof REPLACED;
  readonly start: number;
  readonly end: number;
  readonly level: number;
  /** The descriptor that was there (of the first of `changes`). */
  readonly before: bigint;
  readonly changes: number;
  readonly cpu: number;
  readonly step: number;
  /** A TLBI that covers it has been issued, but no DSB has completed it. */
  readonly tlbiIssued: boolean;
}

/** Notes that the entry at `place` no longer holds the valid descriptor `before`. */
export function noteChange(pending: Pending, cpu: Cpu, kind: number, place: Place, before: bigint): void {
  locked(pending, () => {
    const position = issued(cpu.dvm);
    const end = place.va + place.bytes;
    let free = -1;
    for (let i = 0; i < used(pending); i++) {
      const word = i * WORDS;
      if (pending.words[word + KIND] === 0) {
        if (free < 0) free = i;
        continue;
      }
      if (kind !== REPLACED || pending.words[word + KIND] !== REPLACED) continue;
      const touches = place.va <= pending.end[i]! && end >= pending.start[i]!;
      if (!touches) continue;
      pending.start[i] = Math.min(pending.start[i]!, place.va);
      pending.end[i] = Math.max(pending.end[i]!, end);
      pending.words[word + POSITION] = position;
      pending.words[word + ISSUED] = 0;
      pending.words[word + CHANGES] = pending.words[word + CHANGES]! + 1;
      pending.step[i] = cpu.step;
      return;
    }
    if (free < 0) free = used(pending);
    if (free >= pending.capacity - 1) throw new Error('more changes await invalidation than the checks can note');
    if (free === used(pending)) pending.control[CONTROL_PENDING_USED] = free + 1;
    pending.start[free] = place.va;
    pending.end[free] = end;
    pending.step[free] = cpu.step;
    pending.before[free] = before;
    const word = free * WORDS;
    pending.words[word + LEVEL] = place.level;
    pending.words[word + POSITION] = position;
    pending.words[word + CHANGES] = 1;
    pending.words[word + CPU] = cpu.id;
    pending.words[word + ISSUED] = 0;
    pending.words[word + KIND] = kind;
  });
}

/** Word of `memory.control`: how many entries have ever been in use at once. */
const CONTROL_PENDING_USED = 17;

function used(pending: Pending): number {
  return pending.control[CONTROL_PENDING_USED]!;
}

/** A TLBI was issued (not completed): what it covers is remembered, for the wording of a complaint. */
export function noteIssued(pending: Pending, r: DvmRecord): void {
  if (used(pending) === 0) return;
  locked(pending, () => {
    for (let i = 0; i < used(pending); i++) {
      const word = i * WORDS;
      if (pending.words[word + KIND] !== 0 && covers(pending, i, r)) pending.words[word + ISSUED] = 1;
    }
  });
}

/** A DSB completed these broadcast TLBIs: whatever they cover is no longer cached anywhere. */
export function strikeOut(pending: Pending, records: readonly DvmRecord[]): void {
  if (used(pending) === 0) return;
  locked(pending, () => {
    for (const r of records)
      for (let i = 0; i < used(pending); i++) {
        const word = i * WORDS;
        if (pending.words[word + KIND] === 0) continue;
        if (ahead(r.position, pending.words[word + POSITION]!) < 0) continue;
        if (covers(pending, i, r)) pending.words[word + KIND] = 0;
        else trim(pending, i, r);
      }
    let last = used(pending);
    while (last > 0 && pending.words[(last - 1) * WORDS + KIND] === 0) last--;
    pending.control[CONTROL_PENDING_USED] = last;
  });
}

/** A TLBI by VA removes an entry of any size that holds the VA: one address inside a single replaced leaf is enough. */
function covers(pending: Pending, i: number, r: DvmRecord): boolean {
  const start = pending.start[i]!;
  const end = pending.end[i]!;
  const level = pending.words[i * WORDS + LEVEL]!;
  const single = pending.words[i * WORDS + CHANGES] === 1;
  const flags = r.flags | TLBI_ANY_ASID;
  if (single && pending.words[i * WORDS + KIND] === BROKEN) return removes({ ...r, flags }, start, end, level, -1);
  return removes({ ...r, flags }, start, end, level, -1) && r.start <= start && r.end >= end;
}

function trim(pending: Pending, i: number, r: DvmRecord): void {
  const start = pending.start[i]!;
  const end = pending.end[i]!;
  if (r.start <= start && r.end > start && r.end < end) pending.start[i] = r.end;
  else if (r.start > start && r.start < end && r.end >= end) pending.end[i] = r.start;
}

/** All noted changes that overlap `[start, end)`. */
export function pendingIn(pending: Pending, start: number, end: number): PendingChange[] {
  if (used(pending) === 0) return [];
  const found: PendingChange[] = [];
  locked(pending, () => {
    for (let i = 0; i < used(pending); i++) {
      const word = i * WORDS;
      const kind = pending.words[word + KIND];
      if (kind !== BROKEN && kind !== REPLACED) continue;
      if (pending.start[i]! >= end || pending.end[i]! <= start) continue;
      found.push({
        kind,
        start: pending.start[i]!,
        end: pending.end[i]!,
        level: pending.words[word + LEVEL]!,
        before: pending.before[i]!,
        changes: pending.words[word + CHANGES]!,
        cpu: pending.words[word + CPU]!,
        step: pending.step[i]!,
        tlbiIssued: pending.words[word + ISSUED] === 1,
      });
    }
  });
  return found;
}

/** A short critical section of the checks; no simulated CPU ever holds it across a point. */
function locked(pending: Pending, section: () => void): void {
  const { control } = pending;
  while (Atomics.compareExchange(control, CONTROL_CHECK_LOCK, 0, 1) !== 0)
    Atomics.wait(control, CONTROL_CHECK_LOCK, 1, 1);
  try {
    section();
  } finally {
    Atomics.store(control, CONTROL_CHECK_LOCK, 0);
    Atomics.notify(control, CONTROL_CHECK_LOCK, 1);
  }
}
