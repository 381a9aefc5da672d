import { readFileSync } from 'node:fs';
import { vaFromBits } from '../../src/arch/address.ts';
import { LEAF } from '../../src/arch/descriptor.ts';
import { extract } from '../../src/arch/field.ts';
import { type LeafRange, rangeEnd } from '../../src/kernel/ptdump/ptdump.ts';

/** Linear maps of real kernels (test/data/README.md), and how a map of ours differs from one. */

/** What two maps are compared by. `output`: physical address of the map's first byte, as this stretch has it. */
const ATTRIBUTES = [
  'output',
  'leafBytes',
  'Contiguous',
  'AP',
  'PXN',
  'UXN',
  'AF',
  'nG',
  'DBM',
  'AttrIndx',
  'SH',
  'limits',
] as const;
type Attribute = (typeof ATTRIBUTES)[number];

/** Mapped alike from `from` to `to`, in bytes from the start of the linear map. */
export type Stretch = Readonly<Record<Attribute | 'from' | 'to', number>>;

/** What lies at `[start, end)`, in bytes from `start`. */
export function stretchesWithin(stretches: readonly Stretch[], start: number, end: number): Stretch[] {
  return stretches.filter(({ from, to }) => from >= start && to <= end).map((each) => relative(each, start));
}

export interface RealMap {
  readonly linear: readonly Stretch[];
  /** Everything from the end of the linear map up; `from` and `to` are virtual addresses. */
  readonly rest: readonly Stretch[];
}

/** PAGE_END of all three kernels: also with 52 bits of VA the linear map ends where a CPU with 48 needs it to. */
const PAGE_END = -(2 ** 47);

export function readRealMap(name: string): RealMap {
  const url = new URL(`../data/linear-maps/${name}.ptdump.txt`, import.meta.url);
  const lines = readFileSync(url, 'utf8').split('\n');
  const all = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseLine);
  const pageOffset = all[0]!.from;
  const linear = all.filter(({ to }) => to <= PAGE_END);
  return { linear: linear.map((each) => relative(each, pageOffset)), rest: all.filter(({ from }) => from >= PAGE_END) };
}

const LINE = /^([0-9a-f]{16})-([0-9a-f]{16}) -> ([0-9a-f]{16}) +\S+ L\d (\d+)([KMG])x(\d+) (.*)$/;
const UNIT_BYTES: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

function parseLine(line: string): Stretch {
  const match = LINE.exec(line);
  if (match === null) throw new Error(`not a range: ${line}`);
  const [, from, to, pa, size, unit, count, words] = match as unknown as string[];
  const said = new Set(words!.trim().split(/ +/));
  const number = (prefix: string): number => {
    const word = [...said].find((each) => each.startsWith(prefix) && /\d$/.test(each));
    return word === undefined ? 0 : Number(word.slice(prefix.length));
  };
  const start = vaFromBits(BigInt(`0x${from}`));
  const stretch = {
    from: start,
    to: vaFromBits(BigInt(`0x${to}`)),
    output: Number(`0x${pa}`) - start,
    leafBytes: Number(size) * UNIT_BYTES[unit!]!,
    Contiguous: Number(said.has('CON')),
    AP: (said.has('ro') ? 2 : 0) + (said.has('USR') ? 1 : 0),
    PXN: Number(said.has('NX')),
    UXN: Number(said.has('UXN')),
    AF: Number(said.has('AF')),
    nG: Number(said.has('NG')),
    DBM: Number(said.has('DBM')),
    AttrIndx: number('MT'),
    SH: number('SH'),
    limits: number('H'),
  };
  if (stretch.to - stretch.from !== stretch.leafBytes * Number(count)) throw new Error(`does not add up: ${line}`);
  return stretch;
}

function relative(stretch: Stretch, pageOffset: number): Stretch {
  return {
    ...stretch,
    from: stretch.from - pageOffset,
    to: stretch.to - pageOffset,
    output: stretch.output + pageOffset,
  };
}

/** Our own ranges from `start` to `end` in the same form, in bytes from `start`. */
export function stretchesOf(ranges: readonly LeafRange[], start: number, end: number): Stretch[] {
  return ranges
    .filter(({ va }) => va >= start && va < end)
    .map((range) => ({
      from: range.va - start,
      to: rangeEnd(range) - start,
      output: range.pa - (range.va - start),
      leafBytes: range.bytes,
      Contiguous: Number(range.contiguous),
      AP: extract(range.descriptor, LEAF.AP),
      PXN: extract(range.descriptor, LEAF.PXN),
      UXN: extract(range.descriptor, LEAF.UXN),
      AF: extract(range.descriptor, LEAF.AF),
      nG: extract(range.descriptor, LEAF.nG),
      DBM: extract(range.descriptor, LEAF.DBM),
      AttrIndx: extract(range.descriptor, LEAF.AttrIndx),
      SH: extract(range.descriptor, LEAF.SH),
      limits: range.limits,
    }));
}

interface Difference {
  readonly attribute: Attribute | 'mapped';
  readonly from: number;
  to: number;
  readonly real: number;
  readonly ours: number;
}

/**
 * Every difference, one line an attribute and stretch, in VA order: `AP 26bd000-26be000: 2, here 0`. What only one of
 * them maps differs in `mapped` alone.
 */
export function differences(real: readonly Stretch[], ours: readonly Stretch[]): string[] {
  const found: Difference[] = [];
  const edges = [...new Set([...real, ...ours].flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  edges.slice(0, -1).forEach((from, i) => {
    const to = edges[i + 1]!;
    const at = (map: readonly Stretch[]) => map.find((each) => each.from <= from && from < each.to);
    for (const [attribute, theirs, here] of differing(at(real), at(ours))) {
      const last = found.findLast((each) => each.attribute === attribute);
      if (last?.to === from && last.real === theirs && last.ours === here) last.to = to;
      else found.push({ attribute, from, to, real: theirs, ours: here });
    }
  });
  return found.map(
    ({ attribute, from, to, real: theirs, ours: here }) =>
      `${attribute} ${from.toString(16)}-${to.toString(16)}: ${theirs}, here ${here}`,
  );
}

function differing(real: Stretch | undefined, ours: Stretch | undefined): [Difference['attribute'], number, number][] {
  if (real === undefined && ours === undefined) return [];
  if (real === undefined || ours === undefined)
    return [['mapped', Number(real !== undefined), Number(ours !== undefined)]];
  return ATTRIBUTES.filter((name) => real[name] !== ours[name]).map((name) => [name, real[name], ours[name]]);
}
