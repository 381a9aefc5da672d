import { type Address, formatSize, formatVa, type Side } from '../arch/address.ts';
import { AP_EL0, ENTRY, LEAF, OUTPUT, TABLE } from '../arch/descriptor.ts';
import { extract, halfMask, halfShift, insert, maskOf } from '../arch/field.ts';
import {
  blockAllowed,
  contiguousRun,
  type Granule,
  type Level,
  levelBytes,
  startEntries,
  startLevel,
} from '../arch/granule.ts';
import { type Memory, wordOf } from '../hardware/memory.ts';
import type { AddressSpace } from './address-space.ts';
import {
  PTE_AF,
  PTE_ATTRINDX,
  PTE_CONT,
  PTE_NG,
  PTE_PXN,
  PTE_RDONLY,
  PTE_SHARED,
  PTE_TYPE_PAGE,
  PTE_UXN,
  PTE_VALID,
} from './pgtable-prot.ts';

/**
 * Page tables as they lie in memory, read by somebody who is not a CPU: nothing is cached, counted or changed, and any
 * thread may look at any time. Each word is read whole; of tables that change meanwhile every entry is one that stood
 * there, but not all at the same moment. Linux: mm/ptdump.c, arch/arm64/mm/ptdump.c.
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

const TABLE_ENTRY = halfMask(ENTRY.VALID) | halfMask(ENTRY.TYPE);
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
}

/**
 * Every valid leaf of the tree in VA order, in runs that never span two tables: 512 pages alike are one call, and
 * nothing is allocated. `onAbsent` is told of entries that translate nothing (invalid, or reserved at their level), with
 * `pa` -1, in runs of the same word. A table that no frame backs is passed over.
 */
export function forEachRun(memory: Memory, tree: Tree, onLeaves: RunVisitor, onAbsent?: RunVisitor): void {
  const word = new BigUint64Array(1);
  const walker: Walker = { memory, tree, word, halves: new Uint32Array(word.buffer), onLeaves, onAbsent };
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
  const maybeBlock = level === 3 || blockAllowed(tree.granule, level);
  let index = 0;
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
    const valid = level === 3 ? type === TABLE_ENTRY : maybeBlock && type === 1;
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
 * kernel's own dump lists it.
 */
export function ranges(memory: Memory, tree: Tree, absent = false): LeafRange[] {
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
  forEachRun(memory, tree, append(true), absent ? append(false) : undefined);
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
function part(range: LeafRange, start: number, count: number): LeafRange {
  const offset = start * range.bytes;
  const va = range.va + offset;
  if (!range.valid) return { ...range, va, count };
  return { ...range, va, pa: range.pa + offset, descriptor: range.descriptor + BigInt(offset), count };
}

/** Every valid leaf in VA order, each a range of one: for trees small enough to look at. */
export function* leaves(memory: Memory, tree: Tree): Generator<LeafRange, void> {
  for (const range of ranges(memory, tree)) for (let i = 0; i < range.count; i++) yield part(range, i, 1);
}

/** Bytes that leaves of one kind map together. */
export interface SizeShare {
  /** `4K`, `64K cont`, `2M` ...: the leaf, or the run that contiguous leaves make. */
  readonly name: string;
  readonly level: Level;
  readonly contiguous: boolean;
  readonly bytes: number;
}

/** Bytes mapped by each kind of leaf between `from` and `to`, smallest kind first; kinds that map nothing are left out. */
export function sizeShares(
  memory: Memory,
  tree: Tree,
  from: Address = Number.NEGATIVE_INFINITY,
  to: Address = Number.POSITIVE_INFINITY,
): SizeShare[] {
  const { granule } = tree;
  const mapped = new Float64Array(8);
  const contiguousHalf = Number(PTE_CONT >> 32n);
  forEachRun(memory, tree, (va, _pa, level, _lo, hi, _limits, count) => {
    const bytes = levelBytes(granule, level);
    const kind = level * 2 + ((hi & contiguousHalf) === 0 ? 0 : 1);
    mapped[kind]! += Math.max(0, Math.min(va + bytes * count, to) - Math.max(va, from));
  });
  return ([3, 2, 1, 0] as const)
    .flatMap((level) => [
      { name: formatSize(levelBytes(granule, level)), level, contiguous: false, bytes: mapped[level * 2]! },
      { name: contiguousName(granule, level), level, contiguous: true, bytes: mapped[level * 2 + 1]! },
    ])
    .filter(({ bytes }) => bytes > 0);
}

function contiguousName(granule: Granule, level: Level): string {
  return `${formatSize(levelBytes(granule, level) * contiguousRun(granule, level))} cont`;
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
    if (seen.has(pa)) return;
    seen.add(pa);
    pages[level] += 1;
  });
  return pages;
}

/** A line between the ranges: what begins at `va`. */
export interface Marker {
  readonly va: Address;
  readonly name: string;
}

/** The kernel's own markers, as far as this address space has what they stand for; the image lies first in vmalloc's. */
export function kernelMarkers(space: Pick<AddressSpace, 'pageOffset' | 'pageEnd' | 'kimageVaddr'>): Marker[] {
  return [
    { va: space.pageOffset, name: 'Linear Mapping start' },
    { va: space.pageEnd, name: 'Linear Mapping end' },
    { va: space.pageEnd, name: 'Modules start' },
    { va: space.kimageVaddr, name: 'Modules end' },
    { va: space.kimageVaddr, name: 'vmalloc() area' },
  ];
}

/**
 * The lines of /sys/kernel/debug/kernel_page_tables for `listed` (of `tree`, in VA order). As there, neighbours that
 * look alike share a line whatever they map and whatever the tables above withhold, and a marker starts a new line.
 * `listed` with absent ranges gives the holes their lines. `markers`: in VA order. Linux: note_page().
 */
export function formatPtdump(listed: readonly LeafRange[], tree: Tree, markers: readonly Marker[] = []): string[] {
  const top = startLevel(tree.granule, tree.vaBits);
  const lines: { from: Address; to: Address; what: string }[] = [];
  for (const range of listed.flatMap((each) => cutAt(each, markers))) {
    const line = { from: range.va, to: rangeEnd(range), what: `${levelName(range.level, top)}${formatProt(range)}` };
    const last = lines.at(-1);
    const parted = markers.some(({ va }) => last !== undefined && last.from < va && va <= line.from);
    if (last !== undefined && last.to === line.from && last.what === line.what && !parted) last.to = line.to;
    else lines.push(line);
  }
  const headings = [...markers];
  const texts = lines.flatMap(({ from, to, what }) => [
    ...headings.splice(0, headings.filter(({ va }) => va <= from).length).map(formatMarker),
    `${formatVa(from)}-${formatVa(to)}   ${formatKib(to - from)} ${what}`,
  ]);
  return [...texts, ...headings.map(formatMarker)];
}

/** The range in pieces: a marker inside it ends one at the next boundary between two of its leaves. */
function cutAt(range: LeafRange, markers: readonly Marker[]): LeafRange[] {
  const cuts = markers.map(({ va }) => Math.ceil((va - range.va) / range.bytes));
  const starts = [...new Set([0, ...cuts.filter((leaf) => leaf > 0 && leaf < range.count)])];
  return starts.map((start, i) => part(range, start, (starts[i + 1] ?? range.count) - start));
}

function formatMarker({ name }: Marker): string {
  return `---[ ${name} ]---`;
}

/** Linux calls the level a walk starts at PGD, whatever its number. */
function levelName(level: Level, top: Level): string {
  return level === top ? 'PGD' : ['PGD', 'PUD', 'PMD', 'PTE'][level]!;
}

/** In the largest unit from KiB up that divides it, in ten columns. */
function formatKib(bytes: number): string {
  let unit = 0;
  let size = bytes / 1024;
  for (; size % 1024 === 0 && unit < 5; unit++) size /= 1024;
  return `${size}${'KMGTPE'[unit]}`.padStart(10);
}

const PTE_USER = insert(0n, LEAF.AP, AP_EL0);
const PTE_GP = maskOf(LEAF.GP);

/** What the dump says of a descriptor, in columns: of the bits in `mask`, and whether they read `value`. */
const COLUMNS: readonly (readonly [mask: bigint, value: bigint, set: string, clear: string])[] = [
  [PTE_VALID, PTE_VALID, '  ', ' F'],
  [PTE_USER, PTE_USER, ' USR', '    '],
  [PTE_RDONLY, PTE_RDONLY, ' ro', ' RW'],
  [PTE_PXN, PTE_PXN, ' NX', ' x '],
  [PTE_SHARED, PTE_SHARED, ' SHD', '    '],
  [PTE_AF, PTE_AF, ' AF', '   '],
  [PTE_NG, PTE_NG, ' NG', '   '],
  [PTE_CONT, PTE_CONT, ' CON', '    '],
  [PTE_TYPE_PAGE, PTE_TYPE_PAGE, '    ', ' BLK'],
  [PTE_UXN, PTE_UXN, ' UXN', '    '],
  [PTE_GP, PTE_GP, ' GP', '   '],
];

/** By AttrIndx, as MAIR_EL1 is set in pgtable-prot.ts. */
const MEMORY_TYPES = ['MEM/NORMAL', 'MEM/NORMAL-TAGGED', 'MEM/NORMAL-NC', 'DEVICE/nGnRnE', 'DEVICE/nGnRE'];

const SHOWN = COLUMNS.reduce((bits, [mask]) => bits | mask, PTE_ATTRINDX);

/** Nothing for an empty entry. */
function formatProt({ descriptor }: LeafRange): string {
  if ((descriptor & SHOWN) === 0n) return '';
  const columns = COLUMNS.map(([mask, value, set, clear]) => ((descriptor & mask) === value ? set : clear));
  const type = MEMORY_TYPES[extract(descriptor, LEAF.AttrIndx)];
  return columns.join('') + (type === undefined ? '' : ` ${type}`);
}
