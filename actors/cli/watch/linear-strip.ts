import { formatSize } from '../../../src/arch/address.ts';
import { contiguousRun, type Granule, type Level, levelBytes } from '../../../src/arch/granule.ts';
import type { Machine } from '../../../src/hardware/system.ts';
import { virtToPhys } from '../../../src/kernel/address-space.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { forEachRun, kernelTree } from '../../../src/kernel/ptdump/ptdump.ts';
import { PTE_CONT } from '../../../src/kernel/tables/pgtable-prot.ts';
import type { Style } from '../terminal/style.ts';

/** The linear map of all RAM as one strip: each cell shows what kind of leaf maps most of its stretch. */

/** Kinds of leaves, largest first: level, and whether they are contiguous. `format`: as styleText names it. */
const KINDS = [
  { level: 1, contiguous: true, letter: 'H', format: ['bgBlueBright', 'black'] },
  { level: 1, contiguous: false, letter: 'G', format: ['bgBlue', 'white'] },
  { level: 2, contiguous: true, letter: 'M', format: ['bgMagenta', 'white'] },
  { level: 2, contiguous: false, letter: 'm', format: ['bgCyan', 'black'] },
  { level: 3, contiguous: true, letter: 'k', format: ['bgYellow', 'black'] },
  { level: 3, contiguous: false, letter: '.', format: ['bgGreen', 'black'] },
] as const satisfies readonly {
  level: Level;
  contiguous: boolean;
  letter: string;
  format: Parameters<Style['paint']>[0];
}[];

const MIXED = KINDS.length;
const UNMAPPED = KINDS.length + 1;
const COLUMNS = KINDS.length;

/** What was found: the kind of each cell, and the bytes that each kind maps. */
export interface LinearStrip {
  readonly cells: Uint8Array;
  readonly bytes: Float64Array;
  readonly granule: Granule;
}

/** Reads the tables as they lie in memory. One visit a table: a fraction of a second for 256 GiB of pages. */
export function measureLinearMap({ memory, board }: Machine, k: Kernel, cellCount: number): LinearStrip {
  const { space } = k;
  const banks = board.memory.map(({ base, bytes }, i) => ({
    base,
    bytes,
    offset: board.memory.slice(0, i).reduce((sum, bank) => sum + bank.bytes, 0),
  }));
  const cellBytes = banks.reduce((sum, { bytes }) => sum + bytes, 0) / cellCount;
  const sums = new Float64Array(cellCount * COLUMNS);
  const sizes = [0, 1, 2, 3].map((level) => levelBytes(space.granule, level));
  const contiguousHalf = Number(PTE_CONT >> 32n);
  forEachRun(memory, kernelTree(space, k.symbols.swapperPgDir), (va, _pa, level, _lo, hi, _limits, count) => {
    if (va >= space.pageEnd) return;
    const pa = virtToPhys(space, va);
    const end = pa + sizes[level]! * count;
    const column = columnOf(level, (hi & contiguousHalf) !== 0);
    for (const { base, bytes, offset } of banks)
      if (pa < base + bytes && end > base)
        spread(
          sums,
          column,
          cellBytes,
          offset + Math.max(pa, base) - base,
          offset + Math.min(end, base + bytes) - base,
        );
  });
  const cells = Uint8Array.from({ length: cellCount }, (_, cell) => kindOf(sums, cell, cellBytes));
  const bytes = Float64Array.from(KINDS, (_, column) => columnSum(sums, column));
  return { cells, bytes, granule: space.granule };
}

function columnOf(level: Level, contiguous: boolean): number {
  return KINDS.findIndex((kind) => kind.level === level && kind.contiguous === contiguous);
}

/** Adds the bytes of RAM offsets `from` to `to` to the cells they lie in. */
function spread(sums: Float64Array, column: number, cellBytes: number, from: number, to: number): void {
  const cellCount = sums.length / COLUMNS;
  for (let at = from; at < to; ) {
    const cell = Math.min(cellCount - 1, Math.floor(at / cellBytes));
    const next = cell === cellCount - 1 ? to : Math.min(to, Math.max((cell + 1) * cellBytes, at + 1));
    sums[cell * COLUMNS + column]! += next - at;
    at = next;
  }
}

function kindOf(sums: Float64Array, cell: number, cellBytes: number): number {
  let mapped = 0;
  for (let column = 0; column < COLUMNS; column++) mapped += sums[cell * COLUMNS + column]!;
  if (mapped < cellBytes / 2) return UNMAPPED;
  for (let column = 0; column < COLUMNS; column++) if (sums[cell * COLUMNS + column]! > mapped / 2) return column;
  return MIXED;
}

function columnSum(sums: Float64Array, column: number): number {
  let sum = 0;
  for (let at = column; at < sums.length; at += COLUMNS) sum += sums[at]!;
  return sum;
}

/** The strip as text: a letter a cell, coloured on a terminal. */
export function stripText({ cells }: LinearStrip, style: Style): string {
  let text = '';
  for (let from = 0, to: number; from < cells.length; from = to) {
    for (to = from + 1; to < cells.length && cells[to] === cells[from]; ) to++;
    const kind = cells[from]!;
    const letters = letterOf(kind).repeat(to - from);
    text += kind < COLUMNS ? style.paint([...KINDS[kind]!.format], letters) : style.dim(letters);
  }
  return text;
}

function letterOf(kind: number): string {
  if (kind === UNMAPPED) return ' ';
  return KINDS[kind]?.letter ?? '~';
}

/** What the letters mean, with how much each kind maps. */
export function legendText(strip: LinearStrip, style: Style): string {
  const parts = KINDS.flatMap(({ letter, format }, column) =>
    strip.bytes[column] === 0 && !strip.cells.includes(column)
      ? []
      : [`${style.paint([...format], letter)} ${shareText(strip, column)}`],
  );
  if (strip.cells.includes(MIXED)) parts.push('~ mixed');
  return parts.length === 0 ? 'nothing is mapped yet' : parts.join('  ');
}

/** `4K 3.9G`, `2M 20M`: each kind and the bytes it maps, in words. */
export function sharesInWords(strip: LinearStrip): string {
  const parts = KINDS.flatMap((_, column) => (strip.bytes[column] === 0 ? [] : [shareText(strip, column)]));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function shareText({ bytes, granule }: LinearStrip, column: number): string {
  const { level, contiguous } = KINDS[column]!;
  const run = contiguous ? contiguousRun(granule, level) : 1;
  return `${formatSize(levelBytes(granule, level) * run)}${contiguous ? ' cont' : ''} ${roundedSize(bytes[column]!)}`;
}

/** Three digits or so: `3.98G`. */
function roundedSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < 4; unit++) size /= 1024;
  return `${Number(size.toPrecision(3))}${['', 'K', 'M', 'G', 'T'][unit]}`;
}
