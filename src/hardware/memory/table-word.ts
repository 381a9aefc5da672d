import { TABLE_STORES } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { madeValid } from '../translation/early-translation.ts';
import { placeTable } from './frame.ts';
import { CONTROL_HINT_CURSOR, FRAME_LEVEL, FRAME_ROOT, frameOf, framePa, type Memory, wordOf } from './memory.ts';

const VALID = 1n;
const TYPE = 2n;
const OUTPUT_ADDRESS = 0x0000_ffff_ffff_f000n;

/** Where a table word stands in its tree. */
export interface Place {
  readonly level: number;
  /** First virtual address the entry translates, and the bytes it spans. */
  readonly va: number;
  readonly bytes: number;
  /** Physical address of the tree's root table. */
  readonly rootPa: number;
}

/** The place of the entry at `pa`, or undefined while its table hangs nowhere. `stride`: address bits a level. */
export function placeOf(memory: Memory, pa: number): Place | undefined {
  const frame = frameOf(memory, pa);
  if (frame < 0) return undefined;
  const root = memory.frameMeta[frame * 4 + FRAME_ROOT]!;
  const level = memory.frameMeta[frame * 4 + FRAME_LEVEL]!;
  if (root === 0 || level < 0) return undefined;
  const stride = memory.pageShift - 3;
  const bytes = 2 ** (memory.pageShift + stride * (3 - level));
  const index = Math.floor((pa - framePa(memory, frame)) / 8);
  return { level, va: memory.frameVa[frame]! + index * bytes, bytes, rootPa: framePa(memory, root - 1) };
}

/**
 * A store to a table page has just become visible to walkers. Keeps the books (which tree a newly linked table belongs
 * to), leaves a hint for speculation when a live entry changed, and tells the observer.
 */
export function tableWordVisible(cpu: Cpu, pa: number, before: bigint, after: bigint): void {
  cpu.counts[TABLE_STORES]!++;
  if (before === after) return;
  const { memory } = cpu;
  const place = placeOf(memory, pa);
  if (place !== undefined) {
    if (isTableAt(after, place.level))
      linkTree(memory, Number(after & OUTPUT_ADDRESS), place.level + 1, place.va, place.rootPa);
    if ((before & VALID) !== 0n) leaveHint(cpu, place.va + cpu.choose(64, 'place') * memory.pageBytes);
  }
  if ((before & VALID) === 0n && (after & VALID) !== 0n) madeValid(cpu, pa);
  cpu.observer.tableWordVisible(cpu, pa, before, after);
}

/** The word is a table descriptor at `level`. */
export function isTableAt(word: bigint, level: number): boolean {
  return level < 3 && (word & (VALID | TYPE)) === (VALID | TYPE);
}

/** Records the place of a table that has just been linked, and of the tables it already points to. */
function linkTree(memory: Memory, tablePa: number, level: number, va: number, rootPa: number): void {
  const frame = frameOf(memory, tablePa);
  if (frame < 0) return;
  const known =
    memory.frameMeta[frame * 4 + FRAME_LEVEL] === level &&
    memory.frameMeta[frame * 4 + FRAME_ROOT] === 1 + frameOf(memory, rootPa) &&
    memory.frameVa[frame] === va;
  placeTable(memory, tablePa, level, va, rootPa);
  if (known || level >= 3) return;
  const bytes = 2 ** (memory.pageShift + (memory.pageShift - 3) * (3 - level));
  const first = wordOf(memory, tablePa);
  for (let i = 0; i < memory.pageBytes / 8; i++) {
    const word = memory.words[first + i]!;
    if (isTableAt(word, level)) linkTree(memory, Number(word & OUTPUT_ADDRESS), level + 1, va + i * bytes, rootPa);
  }
}

/** Some live entry of some tree has changed since the machine was made: each such change leaves a hint. */
export function liveEntriesHaveChanged(memory: Memory): boolean {
  return memory.control[CONTROL_HINT_CURSOR] !== 0;
}

function leaveHint(cpu: Cpu, va: number): void {
  const at = Atomics.add(cpu.memory.control, CONTROL_HINT_CURSOR, 1) & (cpu.hints.length - 1);
  cpu.hints[at] = va;
}
