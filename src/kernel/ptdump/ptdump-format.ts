import { type Address, formatVa } from '../../arch/address.ts';
import { AP_EL0, LEAF } from '../../arch/descriptor.ts';
import { extract, insert, maskOf } from '../../arch/field.ts';
import { type Level, startLevel } from '../../arch/granule.ts';
import type { AddressSpace } from '../address-space.ts';
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
} from '../tables/pgtable-prot.ts';
import { type LeafRange, part, rangeEnd, type Tree } from './ptdump.ts';

/** The kernel's text for its page tables: /sys/kernel/debug/kernel_page_tables. Linux: arch/arm64/mm/ptdump.c. */

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
