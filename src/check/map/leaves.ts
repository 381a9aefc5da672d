import { POWER } from '../../arch/power.ts';
import { isTableWord, type Memory, wordOf } from '../../hardware/memory/memory.ts';
import type { Place } from '../../hardware/memory/table-word.ts';
import { isTable } from '../break-before-make/bbm-rule.ts';

/** What descriptors translate, read from memory as it is now by somebody who is not a CPU. */

const VALID = 1n;
const ADDRESS = 0x0000_ffff_ffff_f000n;
const TYPE_PAGE = 2n;
const CONTIGUOUS = 1n << 52n;
/** Bits 58:55 are the software's own. */
const SOFTWARE = 0xfn << 55n;
const IGNORED_HIGH = Number((CONTIGUOUS | SOFTWARE) >> 32n);

/** Bytes that one entry of that level spans. */
export function bytesAt(memory: Memory, level: number): number {
  return POWER[memory.pageShift + (memory.pageShift - 3) * (3 - level)]!;
}

/** One valid entry where it stands: a leaf, or a table. */
export interface Entry {
  readonly descriptor: bigint;
  readonly level: number;
  readonly va: number;
}

/**
 * The valid entries below a descriptor of `level` at `va`: of a leaf the leaf itself, of a table the tables and the leaves
 * under it. Whatever a table holds that is not backed, or is no table any more, is passed over.
 */
export function* entriesUnder(memory: Memory, entry: Entry): Generator<Entry> {
  const { descriptor, level, va } = entry;
  if ((descriptor & VALID) === 0n) return;
  yield entry;
  if (!isTable(descriptor, level)) return;
  const table = Number(descriptor & ADDRESS);
  if (!isTableWord(memory, table)) return;
  const first = wordOf(memory, table);
  const bytes = bytesAt(memory, level + 1);
  for (let i = 0; i < memory.pageBytes / 8; i++) {
    const below = memory.words[first + i]!;
    if ((below & VALID) !== 0n)
      yield* entriesUnder(memory, { descriptor: below, level: level + 1, va: va + i * bytes });
  }
}

/** For `changeOf`: a table holds exactly the leaves of a block, however small, and withholds no right that it has. */
export function leavesOf(memory: Memory, place: Pick<Place, 'level'>): (table: bigint, block: bigint) => boolean {
  return (table, block) => !withholds(table, block) && holdsLeaves(memory, table, block, place.level);
}

function holdsLeaves(memory: Memory, table: bigint, block: bigint, level: number): boolean {
  const first = wordOf(memory, Number(table & ADDRESS));
  if (first < 0) return false;
  const childLevel = level + 1;
  const step = bytesAt(memory, childLevel);
  const expected = (block & ~(TYPE_PAGE | CONTIGUOUS | SOFTWARE)) | (childLevel === 3 ? TYPE_PAGE : 0n);
  // As int32, half by half: this loop reads every page entry of a repaint.
  const lowStep = step | 0;
  const highStep = Math.floor(step / 2 ** 32) | 0;
  let low = Number(BigInt.asIntN(32, expected)) | 0;
  let high = Number(BigInt.asIntN(32, expected >> 32n)) | 0;
  const { int32 } = memory;
  const start = (first * 2) | 0;
  const end = (start + memory.pageBytes / 4) | 0;
  for (let i = start; i < end; i = (i + 2) | 0) {
    if (int32[i] !== low || (int32[i + 1]! & ~IGNORED_HIGH) !== high) {
      const child = memory.words[i / 2]!;
      const smaller = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      if (!isTable(child, childLevel) || withholds(child, smaller)) return false;
      if (!holdsLeaves(memory, child, smaller, childLevel)) return false;
    }
    const next = (low + lowStep) | 0;
    high = (high + highStep + (next >>> 0 < low >>> 0 ? 1 : 0)) | 0;
    low = next;
  }
  return true;
}

const PXN_TABLE = 1n << 59n;
const UXN_TABLE = 1n << 60n;
const NO_EL0 = 1n << 61n;
const READ_ONLY = 1n << 62n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;
const AP_EL0 = 1n << 6n;
const AP_READ_ONLY = 1n << 7n;

/** The table's hierarchical attributes take away a right that the leaf grants. */
function withholds(table: bigint, leaf: bigint): boolean {
  return (
    ((table & PXN_TABLE) !== 0n && (leaf & PXN) === 0n) ||
    ((table & UXN_TABLE) !== 0n && (leaf & UXN) === 0n) ||
    ((table & NO_EL0) !== 0n && (leaf & AP_EL0) !== 0n) ||
    ((table & READ_ONLY) !== 0n && (leaf & AP_READ_ONLY) === 0n)
  );
}

/** Two tables translate everything alike, with leaves of the same sizes. */
export function sameTables(memory: Memory, level: number): (one: bigint, other: bigint) => boolean {
  return (one, other) => {
    const a = wordOf(memory, Number(one & ADDRESS));
    const b = wordOf(memory, Number(other & ADDRESS));
    if (a < 0 || b < 0) return false;
    const same = sameTables(memory, level + 1);
    for (let i = 0; i < memory.pageBytes / 8; i++) {
      const left = memory.words[a + i]!;
      const right = memory.words[b + i]!;
      if (((left ^ right) & ~SOFTWARE) === 0n || ((left | right) & VALID) === 0n) continue;
      if (!isTable(left, level + 1) || !isTable(right, level + 1) || !same(left, right)) return false;
    }
    return true;
  };
}

/** Following the tables from the root down to `place` leads to the very word at `pa`. */
export function isReached(memory: Memory, place: Place, pa: number, rootLevel: number, rootVa: number): boolean {
  let table = place.rootPa;
  let va = rootVa;
  for (let level = rootLevel; ; level++) {
    const bytes = bytesAt(memory, level);
    const index = Math.floor((place.va - va) / bytes);
    const entry = table + index * 8;
    if (level === place.level) return entry === pa;
    const word = wordOf(memory, entry);
    const value = word < 0 ? 0n : memory.words[word]!;
    if (!isTable(value, level)) return false;
    table = Number(value & ADDRESS);
    va += index * bytes;
  }
}
