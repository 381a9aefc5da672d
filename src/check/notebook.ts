import type { Cpu } from '../hardware/cpu.ts';
import type { Layout } from '../hardware/memory/layout.ts';
import { CONTROL_CHECK_LOCK, type Memory } from '../hardware/memory/memory.ts';
import { lockNotesBytes } from './locking/lock-notes.ts';
import { DIRTY_NOTES_BYTES } from './map/dirty-notes.ts';

/**
 * Where the checks of all CPUs keep what they share: rows of fixed size in the machine's buffer, behind one lock. This
 * file knows how rows are stored; `pending.ts` knows what they mean.
 */
export interface Notebook {
  readonly capacity: number;
  /** First address of the row's run of entries, and the end of it. */
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly step: Float64Array;
  /** The descriptor of the run's first entry, as it was. */
  readonly before: BigUint64Array;
  /** `ROW_WORDS` a row. */
  readonly words: Int32Array;
  /** Rows in use (there may be free ones among them), rows of broken entries, and whether the notebook ran full. */
  readonly header: Int32Array;
  readonly control: Int32Array;
}

/** Words of a row. KIND 0: the row is free. */
export const KIND = 0;
export const IS_TABLE = 1;
export const LEVEL = 2;
export const POSITION = 3;
export const CPU = 4;
export const ROOT = 5;
export const ASID = 6;
/** What TLBIs have done about the row so far: `TLBI_NONE` and so on. */
export const TLBI_SO_FAR = 7;
/** 1: `before` says nothing about the other entries of the run. */
export const MIXED = 8;
/** 1: the kernel has announced that nobody uses this any more, and was wrong. */
export const ANNOUNCED = 9;
export const ROW_WORDS = 10;

/** Words of the header. */
export const USED = 0;
export const BROKEN_ROWS = 1;
export const FULL = 2;
const HEADER_WORDS = 16;

const ROW_BYTES = 8 * 4 + ROW_WORDS * 4;

function attach(memory: Memory, layout: Layout): Notebook {
  const { buffer } = memory;
  const bytes = layout.checksBytes - lockNotesBytes(layout) - DIRTY_NOTES_BYTES - HEADER_WORDS * 4;
  const capacity = Math.floor(bytes / ROW_BYTES / 8) * 8;
  const rows = layout.checks + HEADER_WORDS * 4;
  return {
    capacity,
    start: new Float64Array(buffer, rows, capacity),
    end: new Float64Array(buffer, rows + capacity * 8, capacity),
    step: new Float64Array(buffer, rows + capacity * 16, capacity),
    before: new BigUint64Array(buffer, rows + capacity * 24, capacity),
    words: new Int32Array(buffer, rows + capacity * 32, capacity * ROW_WORDS),
    header: new Int32Array(buffer, layout.checks, HEADER_WORDS),
    control: memory.control,
  };
}

const notebooks = new WeakMap<Memory, Notebook>();

/** The machine's notebook, as this thread sees it. */
export function notebookOf(cpu: Pick<Cpu, 'memory' | 'layout'>): Notebook {
  let notebook = notebooks.get(cpu.memory);
  if (notebook === undefined) {
    notebook = attach(cpu.memory, cpu.layout);
    notebooks.set(cpu.memory, notebook);
  }
  return notebook;
}

/** Row of a free place for a new note, or -1 when there is none. */
export function freeRow({ header, words, capacity }: Notebook): number {
  const used = header[USED]!;
  for (let row = 0; row < used; row++) if (words[row * ROW_WORDS + KIND] === 0) return row;
  if (used >= capacity) return -1;
  header[USED] = used + 1;
  return used;
}

export function copyRow(notebook: Notebook, from: number, to: number): void {
  for (const column of [notebook.start, notebook.end, notebook.step]) column[to] = column[from]!;
  notebook.before[to] = notebook.before[from]!;
  notebook.words.copyWithin(to * ROW_WORDS, from * ROW_WORDS, (from + 1) * ROW_WORDS);
}

/** The unused rows at the end are not looked at any more. */
export function shrink({ header, words }: Notebook): void {
  let used = header[USED]!;
  while (used > 0 && words[(used - 1) * ROW_WORDS + KIND] === 0) used--;
  header[USED] = used;
}

const MOST_SPINS = 2 ** 32;

/** A short critical section of the checks; no simulated CPU ever holds it across a point. */
export function locked<T>({ control }: Notebook, relax: (spins: number) => void, section: () => T): T {
  for (let spins = 1; Atomics.compareExchange(control, CONTROL_CHECK_LOCK, 0, 1) !== 0; spins++) {
    if (spins > MOST_SPINS) throw new Error('the lock of the checks is never released');
    relax(spins); // on threads it gives up the core now and then, and ends when the machine stops
  }
  try {
    return section();
  } finally {
    Atomics.store(control, CONTROL_CHECK_LOCK, 0);
  }
}
