import { frameOf, type Memory } from '../../hardware/memory/memory.ts';
import {
  ANNOUNCED,
  ASID,
  BROKEN_ROWS,
  copyRow,
  freeRow,
  IS_TABLE,
  KIND,
  LEVEL,
  MIXED,
  type Notebook,
  POSITION,
  ROOT,
  ROW_WORDS,
  shrink,
  TLBI_SO_FAR,
  USED,
} from '../notebook.ts';

/** How notes of changed entries join into one row of the notebook, and how parts of a row are struck out. */

export const BROKEN = 1;
export const REPLACED = 2;

/** No TLBI has had anything to do with the row. */
export const TLBI_NONE = 0;

/** A run of neighbouring entries of one level that no longer hold what they held. */
export interface NewChange {
  readonly kind: typeof BROKEN | typeof REPLACED;
  /** Table descriptors, which walk caches hold; otherwise leaves, which TLBs hold. */
  readonly isTable: boolean;
  readonly start: number;
  readonly end: number;
  readonly level: number;
  /** What the first entry held. In the others the address grows as the virtual one does. */
  readonly before: bigint;
  readonly rootPa: number;
  readonly asid: number;
}

/**
 * The row that the change is joined to, else a new one, else -1. The caller has locked the notebook. `position`: of the DVM log,
 * now. Only notes of one position are joined: what was issued in between is good for the earlier one, whether or not whoever
 * issued it has come to say so.
 */
export function rowFor(memory: Memory, notebook: Notebook, change: NewChange, position: number): number {
  const { words, header } = notebook;
  for (let row = 0; row < header[USED]!; row++)
    if (
      words[row * ROW_WORDS + POSITION] === position &&
      isAlike(memory, notebook, row, change) &&
      join(notebook, row, change.start, change.end, change.before, 0)
    ) {
      closeGap(notebook, row);
      return row;
    }
  const row = freeRow(notebook);
  if (row < 0) return -1;
  const word = row * ROW_WORDS;
  notebook.start[row] = change.start;
  notebook.end[row] = change.end;
  notebook.before[row] = change.before;
  words[word + IS_TABLE] = change.isTable ? 1 : 0;
  words[word + LEVEL] = change.level;
  words[word + ROOT] = frameOf(memory, change.rootPa);
  words[word + ASID] = change.asid;
  words[word + TLBI_SO_FAR] = TLBI_NONE;
  words[word + MIXED] = 0;
  words[word + ANNOUNCED] = 0;
  words[word + POSITION] = position;
  words[word + KIND] = change.kind;
  if (change.kind === BROKEN) header[BROKEN_ROWS]! += 1;
  return row;
}

function isAlike(memory: Memory, { words }: Notebook, row: number, change: NewChange): boolean {
  const word = row * ROW_WORDS;
  return (
    words[word + KIND] === change.kind &&
    words[word + LEVEL] === change.level &&
    words[word + IS_TABLE] === (change.isTable ? 1 : 0) &&
    words[word + ROOT] === frameOf(memory, change.rootPa) &&
    words[word + ASID] === change.asid
  );
}

/** Stretches a row over `[start, end)`, where that says no less than two rows would. */
function join(notebook: Notebook, row: number, start: number, end: number, before: bigint, mixed: number): boolean {
  const { words } = notebook;
  const word = row * ROW_WORDS;
  // A TLBI under way is good for what was noted before it, and for that only.
  if (words[word + TLBI_SO_FAR] !== TLBI_NONE || words[word + ANNOUNCED] !== 0) return false;
  const oldStart = notebook.start[row]!;
  const oldEnd = notebook.end[row]!;
  if (start > oldEnd || end < oldStart) return false;
  const exact = mixed === 0 && words[word + MIXED] === 0;
  const inStep = exact && notebook.before[row]! + BigInt(start - oldStart) === before;
  if (!inStep) {
    // What a broken entry held decides what may be made of it: such notes stay exact.
    const overlaps = start < oldEnd && end > oldStart;
    if (words[word + KIND] === BROKEN || (overlaps && words[word + MIXED] === 0)) return false;
    words[word + MIXED] = 1;
  }
  if (start < oldStart) notebook.before[row] = before;
  notebook.start[row] = Math.min(oldStart, start);
  notebook.end[row] = Math.max(oldEnd, end);
  return true;
}

/** Stores become visible in any order: a run grows in pieces, until the store between two of them comes. */
function closeGap(notebook: Notebook, row: number): void {
  const { words, header } = notebook;
  const word = row * ROW_WORDS;
  for (let other = 0; other < header[USED]!; other++) {
    const at = other * ROW_WORDS;
    if (other === row || words[at + TLBI_SO_FAR] !== TLBI_NONE || words[at + ANNOUNCED] !== 0) continue;
    if (
      words[at + KIND] !== words[word + KIND] ||
      words[at + POSITION] !== words[word + POSITION] ||
      words[at + IS_TABLE] !== words[word + IS_TABLE] ||
      words[at + LEVEL] !== words[word + LEVEL] ||
      words[at + ROOT] !== words[word + ROOT] ||
      words[at + ASID] !== words[word + ASID]
    )
      continue;
    const start = notebook.start[other]!;
    if (!join(notebook, row, start, notebook.end[other]!, notebook.before[other]!, words[at + MIXED]!)) continue;
    if (words[at + KIND] === BROKEN) header[BROKEN_ROWS]! -= 1;
    words[at + KIND] = 0;
  }
  shrink(notebook);
}

/** Takes `[from, to)` out of a note. False: what is left are two pieces, and there was room for one. */
export function cut(notebook: Notebook, row: number, from: number, to: number): boolean {
  const word = row * ROW_WORDS;
  const start = notebook.start[row]!;
  const end = notebook.end[row]!;
  if (from <= start && to >= end) {
    if (notebook.words[word + KIND] === BROKEN) notebook.header[BROKEN_ROWS]! -= 1;
    notebook.words[word + KIND] = 0;
    return true;
  }
  let complete = true;
  if (from > start && to < end) {
    const other = freeRow(notebook);
    complete = other >= 0;
    if (complete) {
      copyRow(notebook, row, other);
      if (notebook.words[word + KIND] === BROKEN) notebook.header[BROKEN_ROWS]! += 1;
      moveStart(notebook, other, to);
    }
  }
  if (from > start) notebook.end[row] = from;
  else moveStart(notebook, row, to);
  return complete;
}

function moveStart(notebook: Notebook, row: number, to: number): void {
  if (notebook.words[row * ROW_WORDS + MIXED] === 0) notebook.before[row]! += BigInt(to - notebook.start[row]!);
  notebook.start[row] = to;
}
