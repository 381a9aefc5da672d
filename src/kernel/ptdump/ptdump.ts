import type { Address, Side } from '../../arch/address.ts';
import { ENTRY, OUTPUT, TABLE } from '../../arch/descriptor.ts';
import { halfMask, halfShift } from '../../arch/field.ts';
import { blockAllowed, type Granule, type Level, levelBytes, startEntries, startLevel } from '../../arch/granule.ts';
import { type Memory, wordOf } from '../../hardware/memory/memory.ts';
import type { AddressSpace } from '../address-space.ts';
import { PTE_CONT } from '../tables/pgtable-prot.ts';

/**
 * Page tables as they lie in memory, read by somebody who is not a CPU: nothing is cached, counted or changed, and any
 * thread may look at any time. Each word is read whole; of tables that change meanwhile every entry is one that stood
 * there, but not all at the same moment. Linux: mm/ptdump.c.
 */

/** Which tree: its root table (physical), and how TCR_EL1 lets a walk begin there. Output addresses have 48 bits. */
export interface Tree {
  readonly rootPa: Address;
  readonly granule: Granule;
  readonly vaBits: number;
  readonly side: Side;
}

/** The kernel's half, whose root lies at `rootPa`. */
export function kernelTree(space: Pick<AddressSpace, 'granule' | 'vaBits'>, rootPa: Address): Tree {
  return { rootPa, granule: space.granule, vaBits: space.vaBits, side: 1 };
}

/**
 * `count` neighbouring leaves alike but for their addresses, which grow in step; `va`, `pa` and `descriptor` are those
 * of the first. Where `valid` is false nothing is mapped: the entries all hold `descriptor`, and `pa` is -1.
 */
export interface LeafRange {
  readonly va: Address;
  readonly pa: Address;
  /** Of one leaf, whatever its contiguous bit says. */
  readonly bytes: number;
  readonly count: number;
  readonly level: Level;
  readonly contiguous: boolean;
  readonly descriptor: bigint;
  /** The LIMIT bits of arch/permission.ts that the tables above add up to. */
  readonly limits: number;
  readonly valid: boolean;
}

/** `lo` and `hi`: the halves of the descriptor, unsigned. */
export type LeafVisitor = (va: Address, pa: Address, level: Level, lo: number, hi: number, limits: number) => void;

/** As `LeafVisitor`, for the first of `count` leaves of one table: the next is one leaf size on, in VA and in PA. */
export type RunVisitor = (
  va: Address,
  pa: Address,
  level: Level,
  lo: number,
  hi: number,
  limits: number,
  count: number,
) => void;

// Bits 1:0 of a table's entry and of a page's, of a block's, and of nothing.
const TABLE_ENTRY = halfMask(ENTRY.VALID) | halfMask(ENTRY.TYPE);
const BLOCK_ENTRY = halfMask(ENTRY.VALID);
const NEVER = -1;
const HIGH_OUTPUT = halfMask(OUTPUT.high);
const LIMITS_SHIFT = halfShift(TABLE.PXNTable);
const LIMITS = 0b1111;
const TWO_32 = 2 ** 32;

/** A walk over a whole tree: what is the same at all its tables. */
interface Walker {
  readonly memory: Memory;
  readonly tree: Tree;
  /** The word read last, and the two halves of it. */
  readonly word: BigUint64Array;
  readonly halves: Uint32Array;
  readonly onLeaves: RunVisitor;
  readonly onAbsent: RunVisitor | undefined;
  /** Entries that translate nothing from here on are left out. */
  readonly from: Address;
}

/**
 * Every valid leaf of the tree in VA order, in runs that never span two tables: 512 pages alike are one call, and
 * nothing is allocated. `onAbsent` is told of entries that translate nothing (invalid, or reserved at their level), with
 * `pa` -1, in runs of the same word. A table that no frame backs is passed over. `from`: what lies before is left out.
 */
export function forEachRun(
  memory: Memory,
  tree: Tree,
  onLeaves: RunVisitor,
  onAbsent?: RunVisitor,
  from: Address = Number.NEGATIVE_INFINITY,
): void {
  const word = new BigUint64Array(1);
  const walker: Walker = { memory, tree, word, halves: new Uint32Array(word.buffer), onLeaves, onAbsent, from };
  const first = startLevel(tree.granule, tree.vaBits);
  visitTable(walker, tree.rootPa, first, startEntries(tree.granule, tree.vaBits), startVa(tree), 0);
}

/** Every valid leaf of the tree in VA order, one call each. */
export function forEachLeaf(memory: Memory, tree: Tree, visit: LeafVisitor): void {
  const sizes = [0, 1, 2, 3].map((level) => levelBytes(tree.granule, level));
  forEachRun(memory, tree, (va, pa, level, lo, hi, limits, count) => {
    const bytes = sizes[level]!;
    for (let i = 0; i < count; i++) {
      const low = lo + i * bytes;
      visit(va + i * bytes, pa + i * bytes, level, low % TWO_32, hi + Math.floor(low / TWO_32), limits);
    }
  });
}

function startVa(tree: Tree): Address {
  return tree.side === 1 ? -(2 ** tree.vaBits) : 0;
}

function visitTable(
  walker: Walker,
  tablePa: Address,
  level: Level,
  entries: number,
  firstVa: Address,
  limits: number,
): void {
  const { memory, tree, word, halves } = walker;
  const { words } = memory;
  const first = wordOf(memory, tablePa);
  if (first < 0) return;
  const bytes = levelBytes(tree.granule, level);
  const leafType = level === 3 ? TABLE_ENTRY : blockAllowed(tree.granule, level) ? BLOCK_ENTRY : NEVER;
  let index = Math.max(0, Math.floor((walker.from - firstVa) / bytes));
  while (index < entries) {
    word[0] = words[first + index]!;
    const lo = halves[0]!;
    const hi = halves[1]!;
    const va = firstVa + index * bytes;
    const type = lo & TABLE_ENTRY;
    if (type === TABLE_ENTRY && level < 3) {
      const below = limits | ((hi >>> LIMITS_SHIFT) & LIMITS);
      visitTable(walker, outputOf(tree, lo, hi), (level + 1) as Level, tree.granule.entriesPerTable, va, below);
      index += 1;
      continue;
    }
    const valid = type === leafType;
    const next = runEnd(walker, first, index, entries, valid ? bytes : 0);
    if (valid) {
      const output = outputOf(tree, lo, hi);
      walker.onLeaves(va, output - (output % bytes), level, lo, hi, limits, next - index);
    } else walker.onAbsent?.(va, -1, level, lo, hi, limits, next - index);
    index = next;
  }
}

/** First entry from `index` on that is not its neighbour to the left plus `step`. `word` holds the one at `index`. */
function runEnd(walker: Walker, first: number, index: number, entries: number, step: number): number {
  const { memory, word, halves } = walker;
  const { words } = memory;
  const stepLow = step % TWO_32;
  const stepHigh = Math.floor(step / TWO_32);
  let low = halves[0]! + stepLow;
  let high = halves[1]! + stepHigh;
  let next = index + 1;
  for (; next < entries; next++) {
    if (low >= TWO_32) {
      low -= TWO_32;
      high += 1;
    }
    word[0] = words[first + next]!;
    if (halves[0] !== low || halves[1] !== high) break;
    low += stepLow;
    high += stepHigh;
  }
  return next;
}

function outputOf(tree: Tree, lo: number, hi: number): Address {
  return (hi & HIGH_OUTPUT) * TWO_32 + (lo - (lo % tree.granule.pageBytes));
}

/**
 * The whole tree in VA order, neighbours merged, across tables as well; with `absent` also what is not mapped, as the
 * kernel's own dump lists it. `from`: what lies before is left out.
 */
export function ranges(
  memory: Memory,
  tree: Tree,
  absent = false,
  from: Address = Number.NEGATIVE_INFINITY,
): LeafRange[] {
  const merged: { -readonly [Field in keyof LeafRange]: LeafRange[Field] }[] = [];
  const append =
    (valid: boolean): RunVisitor =>
    (va, pa, level, lo, hi, limits, count) => {
      const bytes = levelBytes(tree.granule, level);
      const descriptor = (BigInt(hi) << 32n) | BigInt(lo);
      const last = merged.at(-1);
      if (last !== undefined && continues(last, va, level, limits, valid, descriptor)) last.count += count;
      else {
        const contiguous = valid && (descriptor & PTE_CONT) !== 0n;
        merged.push({ va, pa, bytes, level, contiguous, descriptor, limits, count, valid });
      }
    };
  forEachRun(memory, tree, append(true), absent ? append(false) : undefined, from);
  return merged;
}

function continues(
  last: LeafRange,
  va: Address,
  level: Level,
  limits: number,
  valid: boolean,
  descriptor: bigint,
): boolean {
  if (last.level !== level || last.limits !== limits || last.valid !== valid || rangeEnd(last) !== va) return false;
  return descriptor === last.descriptor + (valid ? BigInt(last.bytes * last.count) : 0n);
}

/** First address after the range. */
export function rangeEnd(range: Pick<LeafRange, 'va' | 'bytes' | 'count'>): Address {
  return range.va + range.bytes * range.count;
}

/** `count` leaves of the range from its leaf number `start` on. */
export function part(range: LeafRange, start: number, count: number): LeafRange {
  const offset = start * range.bytes;
  const va = range.va + offset;
  if (!range.valid) return { ...range, va, count };
  return { ...range, va, pa: range.pa + offset, descriptor: range.descriptor + BigInt(offset), count };
}

/** Every valid leaf in VA order, each a range of one: for trees small enough to look at. */
export function* leaves(memory: Memory, tree: Tree): Generator<LeafRange, void> {
  for (const range of ranges(memory, tree)) for (let i = 0; i < range.count; i++) yield part(range, i, 1);
}

export type TableVisitor = (pa: Address, level: Level, va: Address, limits: number) => void;

/** Every table a walk can reach, the root first, parents before children; `va` is what entry 0 translates. */
export function forEachTable(memory: Memory, tree: Tree, visit: TableVisitor): void {
  const descend = (pa: Address, level: Level, entries: number, va: Address, limits: number): void => {
    visit(pa, level, va, limits);
    const first = wordOf(memory, pa);
    if (level === 3 || first < 0) return;
    const bytes = levelBytes(tree.granule, level);
    for (let index = 0; index < entries; index++) {
      const word = memory.words[first + index]!;
      const lo = Number(word & 0xffff_ffffn);
      if ((lo & TABLE_ENTRY) !== TABLE_ENTRY) continue;
      const hi = Number(word >> 32n);
      const below = limits | ((hi >>> LIMITS_SHIFT) & LIMITS);
      const child = outputOf(tree, lo, hi);
      descend(child, (level + 1) as Level, tree.granule.entriesPerTable, va + index * bytes, below);
    }
  };
  const { granule, vaBits } = tree;
  descend(tree.rootPa, startLevel(granule, vaBits), startEntries(granule, vaBits), startVa(tree), 0);
}

/** Physical addresses of all table pages a walk can reach, the root's included. */
export function reachableTables(memory: Memory, tree: Tree): Set<Address> {
  const tables = new Set<Address>();
  forEachTable(memory, tree, (pa) => tables.add(pa));
  return tables;
}

/** How many distinct table pages a walk can reach, by level 0 to 3, the root included. */
export function tablePages(memory: Memory, tree: Tree): [number, number, number, number] {
  const pages: [number, number, number, number] = [0, 0, 0, 0];
  const seen = new Set<Address>();
  forEachTable(memory, tree, (pa, level) => {
    if (!seen.has(pa)) pages[level] += 1;
    seen.add(pa);
  });
  return pages;
}
