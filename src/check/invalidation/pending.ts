import { POWER } from '../../arch/power.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { framePa } from '../../hardware/memory/memory.ts';
import {
  ahead,
  type DvmRecord,
  issued,
  removes,
  removesTable,
  TLBI_ALL,
  TLBI_BY_ASID,
} from '../../hardware/tlbi/dvm.ts';
import {
  ANNOUNCED,
  ASID,
  BROKEN_ROWS,
  CPU,
  FULL,
  IS_TABLE,
  KIND,
  LEVEL,
  locked,
  MIXED,
  type Notebook,
  notebookOf,
  POSITION,
  ROOT,
  ROW_WORDS,
  shrink,
  TLBI_SO_FAR,
  USED,
} from '../notebook.ts';
import { type BROKEN, cut, type NewChange, type REPLACED, rowFor, TLBI_NONE } from './pending-row.ts';

/**
 * Translations that were taken away or replaced, and may still be cached somewhere. A note is struck out, entry by
 * entry, when a broadcast TLBI that removes it, issued after the change was visible, has completed. Neighbours of one
 * kind share a note, so that a whole repaint needs a handful.
 */

/**
 * `NO_ASID`: global. `ANY_ASID`: cached under one ASID, which nobody here knows. `ALL_ASIDS`: each CPU caches it under the ASID of
 * whatever process it happens to run, so that a TLBI of one ASID is not enough.
 */
export const NO_ASID = -1;
export const ANY_ASID = -2;
export const ALL_ASIDS = -3;

/** Under which ASID CPUs cache what they walk from the root and is not global: tables of TTBR1 belong to no process. */
export function asidOfRoot({ regime0, regime1 }: Cpu, rootPa: number): number {
  if (regime1?.root === rootPa) return ALL_ASIDS;
  return regime0?.root === rootPa ? regime0.asid : ANY_ASID;
}

/** What TLBIs that were issued since have done about a note; only a completed `covered` strikes it out. */
const TLBI_LOCAL = 1;
const TLBI_BESIDES = 2;
const TLBI_COVERED = 3;
/** It would have, had there been a DSB between the change and the operation. */
const TLBI_UNORDERED = 4;
const SO_FAR = ['none', 'local', 'besides', 'covered', 'unordered'] as const;
export type TlbiSoFar = (typeof SO_FAR)[number];

export interface PendingChange extends NewChange {
  /** Bytes of one entry. */
  readonly unit: number;
  /** `before` is of one of the entries, and the others held something else. */
  readonly mixed: boolean;
  readonly cpu: number;
  readonly step: number;
  readonly tlbi: TlbiSoFar;
  readonly announced: boolean;
}

/** Notes a change. False: the notebook is full, and the change is not in it. */
export function noteChange(cpu: Cpu, change: NewChange): boolean {
  const notebook = notebookOf(cpu);
  return locked(notebook, cpu.relax, () => {
    const row = rowFor(cpu.memory, notebook, change, issued(cpu.dvm));
    if (row < 0) return false;
    notebook.words[row * ROW_WORDS + CPU] = cpu.id;
    notebook.step[row] = cpu.step;
    return true;
  });
}

/** True for the first who finds the notebook full: a verdict without it is worth less, so somebody has to say so. */
export function firstToFindItFull(cpu: Cpu): boolean {
  return Atomics.exchange(notebookOf(cpu).header, FULL, 1) === 0;
}

/** A TLBI was issued (not completed): what it is good for is remembered, for the wording of a complaint. */
export function noteIssued(cpu: Cpu, r: DvmRecord, broadcast: boolean): void {
  const notebook = notebookOf(cpu);
  if (notebook.header[USED] === 0) return;
  locked(notebook, cpu.relax, () => {
    for (let row = 0; row < notebook.header[USED]!; row++) {
      const word = row * ROW_WORDS;
      if (notebook.words[word + KIND] === 0) continue;
      const hit = removed(notebook, row, r, unitOf(cpu, notebook, row));
      const whole = hit !== undefined && hit.start === notebook.start[row] && hit.end === notebook.end[row];
      const near = r.start < notebook.end[row]! && r.end > notebook.start[row]!;
      const good = !isOrdered(cpu, notebook, row, r) ? TLBI_UNORDERED : broadcast ? TLBI_COVERED : TLBI_LOCAL;
      const now = whole ? good : near ? TLBI_BESIDES : TLBI_NONE;
      const before = notebook.words[word + TLBI_SO_FAR]!;
      if (before !== TLBI_COVERED && now !== TLBI_NONE) notebook.words[word + TLBI_SO_FAR] = now;
    }
  });
}

/** A DSB completed these TLBIs, which every CPU that may cache anything has heard: what they remove is gone. */
export function strikeOut(cpu: Cpu, records: readonly DvmRecord[]): boolean {
  const notebook = notebookOf(cpu);
  if (notebook.header[USED] === 0) return true;
  return locked(notebook, cpu.relax, () => {
    let complete = true;
    for (const r of records)
      for (let row = 0; row < notebook.header[USED]!; row++) {
        const word = row * ROW_WORDS;
        if (notebook.words[word + KIND] === 0 || !isOrdered(cpu, notebook, row, r)) continue;
        const hit = removed(notebook, row, r, unitOf(cpu, notebook, row));
        if (hit !== undefined && !cut(notebook, row, hit.start, hit.end)) complete = false;
      }
    shrink(notebook);
    return complete;
  });
}

/**
 * The change came before the operation: it was visible, and where one CPU did both, a DSB lies between them. Without one
 * walkers may see the change later than the operation acts, whichever instruction made it: an exchange is no barrier.
 */
function isOrdered(cpu: Cpu, { words, step }: Notebook, row: number, r: DvmRecord): boolean {
  const word = row * ROW_WORDS;
  if (ahead(r.position, words[word + POSITION]!) < 0) return false;
  return words[word + CPU] !== cpu.id || step[row]! <= r.orderedStep;
}

function unitOf(cpu: Cpu, notebook: Notebook, row: number): number {
  const { pageShift } = cpu.memory;
  return POWER[pageShift + (pageShift - 3) * (3 - notebook.words[row * ROW_WORDS + LEVEL]!)]!;
}

/** A TLBI by VA removes an entry of any size that holds the address: one address inside each entry is enough. */
function removed(
  notebook: Notebook,
  row: number,
  r: DvmRecord,
  unit: number,
): { start: number; end: number } | undefined {
  const word = row * ROW_WORDS;
  const start = notebook.start[row]!;
  const end = notebook.end[row]!;
  const level = notebook.words[word + LEVEL]!;
  const noted = notebook.words[word + ASID]!;
  const asid = noted === ANY_ASID ? r.asid : noted;
  const does = notebook.words[word + IS_TABLE] === 1 ? removesTable : removes;
  if (!does(r, start, end, level, asid)) return undefined;
  if ((r.flags & (TLBI_ALL | TLBI_BY_ASID)) !== 0) return { start, end };
  return {
    start: Math.max(start, Math.floor(r.start / unit) * unit),
    end: Math.min(end, Math.ceil(r.end / unit) * unit),
  };
}

/** The notes that overlap `[start, end)`; `asid`: of what it may have cached, global entries too; undefined: of any. */
export function pendingIn(cpu: Cpu, start: number, end: number, asid?: number): PendingChange[] {
  const notebook = notebookOf(cpu);
  if (notebook.header[USED] === 0) return [];
  return locked(notebook, cpu.relax, () =>
    rowsIn(notebook, start, end, asid).map((row) => {
      const word = row * ROW_WORDS;
      const { words } = notebook;
      return {
        kind: words[word + KIND] as typeof BROKEN | typeof REPLACED,
        isTable: words[word + IS_TABLE] === 1,
        start: notebook.start[row]!,
        end: notebook.end[row]!,
        unit: unitOf(cpu, notebook, row),
        level: words[word + LEVEL]!,
        before: notebook.before[row]!,
        mixed: words[word + MIXED] === 1,
        rootPa: framePa(cpu.memory, words[word + ROOT]!),
        asid: words[word + ASID]!,
        cpu: words[word + CPU]!,
        step: notebook.step[row]!,
        tlbi: underWay(cpu, notebook, row) ? 'covered' : SO_FAR[words[word + TLBI_SO_FAR]!]!,
        announced: words[word + ANNOUNCED] === 1,
      };
    }),
  );
}

/** This CPU's own TLBIs that no DSB has completed remove the whole of it, one after the other. */
function underWay(cpu: Cpu, notebook: Notebook, row: number): boolean {
  const unit = unitOf(cpu, notebook, row);
  let at = notebook.start[row]!;
  for (const r of cpu.ownBroadcast) {
    if (!isOrdered(cpu, notebook, row, r)) continue;
    const hit = removed(notebook, row, r, unit);
    if (hit !== undefined && hit.start <= at) at = Math.max(at, hit.end);
  }
  return at >= notebook.end[row]!;
}

function rowsIn(
  { header, words, start: starts, end: ends }: Notebook,
  start: number,
  end: number,
  asid?: number,
): number[] {
  const rows: number[] = [];
  for (let row = 0; row < header[USED]!; row++) {
    if (words[row * ROW_WORDS + KIND] === 0 || starts[row]! >= end || ends[row]! <= start) continue;
    const noted = words[row * ROW_WORDS + ASID]!;
    if (asid === undefined || noted === asid || noted < 0) rows.push(row);
  }
  return rows;
}

/** The kernel says that nobody uses what is noted of `[start, end)` any more: whoever does from here on proves it wrong. */
export function noteAnnounced(cpu: Cpu, start: number, end: number, asid?: number): void {
  const notebook = notebookOf(cpu);
  locked(notebook, cpu.relax, () => {
    for (const row of rowsIn(notebook, start, end, asid)) notebook.words[row * ROW_WORDS + ANNOUNCED] = 1;
  });
}

/** Whether anything that was valid awaits its invalidation. Without the lock: a hint that saves looking. */
export function mayHoldBroken(cpu: Cpu): boolean {
  return notebookOf(cpu).header[BROKEN_ROWS] !== 0;
}
