import { formatSize } from '../../../src/arch/address.ts';
import { memoryBytes } from '../../../src/hardware/board/board.ts';
import type { Counter } from '../../../src/hardware/counters.ts';
import type { Progress } from '../../thread/board-run.ts';
import type { Style } from '../terminal/style.ts';
import { type CpuRow, cpuRows } from './cpu-rows.ts';
import { type LinearStrip, legendText, stripText } from './linear-strip.ts';

/** One picture of a running machine: the system's state, the CPUs, the linear map. */

/** Lines beside those of the CPUs. */
const OTHER_LINES = 7;

/** The picture in at most `rows` lines of at most `columns`. `title`: what runs. */
export function watchFrame(
  title: string,
  progress: Progress,
  strip: LinearStrip,
  size: { readonly columns: number; readonly rows: number },
  style: Style,
): string[] {
  const { machine, state, elapsedMs } = progress;
  const width = size.columns - 1; // a terminal may wrap a line that fills it
  const rows = cpuRows(progress.cpus(), machine.board.cpus, Math.max(1, size.rows - 1 - OTHER_LINES));
  const columns = columnsFor(rows, width);
  const clock = `${(elapsedMs / 1000).toFixed(2).padStart(8)} s  `;
  return [
    `${clock}${style.strong(cut(state, width - clock.length))}${style.dim(cut(`  ${title}`, width - clock.length - state.length))}`,
    '',
    style.dim(lineOf(columns, (column) => column.heading)),
    ...rows.map((row) =>
      painted(
        row,
        lineOf(columns, (column) => column.text(row)),
        style,
      ),
    ),
    '',
    cut(`linear map, ${formatSize(memoryBytes(machine.board))} of RAM`, width),
    stripText(strip, style),
    legendText(strip, style),
  ];
}

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly right?: boolean;
  readonly text: (row: CpuRow) => string;
}

const COUNTED: readonly (readonly [Counter, string])[] = [
  ['accesses', 'access'],
  ['misses', 'misses'],
  ['tlbis', 'TLBIs'],
  ['hits', 'hits'],
  ['walks', 'walks'],
  ['conflictsAvoided', 'avoided'],
];
const COUNT_WIDTH = 7;
const STATE_WIDTH = 31;
const WAIT_WIDTH = 18;
const MODEL_WIDTH = 18;

/** As many columns as the line holds: who and where first, then counters, then the model; the last takes what is left. */
function columnsFor(rows: readonly CpuRow[], width: number): Column[] {
  const name = Math.min(16, Math.max(3, ...rows.map((row) => row.name.length)));
  let left = width - (name + 1) - 15 - (STATE_WIDTH + 1) - WAIT_WIDTH;
  const counters = COUNTED.filter(() => {
    left -= COUNT_WIDTH + 1;
    return left >= 0;
  });
  const withModel = left >= MODEL_WIDTH + 1;
  if (withModel) left -= MODEL_WIDTH + 1;
  return [
    { heading: 'CPU', width: name, right: true, text: (row) => row.name },
    ...(withModel ? [{ heading: 'model', width: MODEL_WIDTH, text: (row: CpuRow) => row.model }] : []),
    { heading: 'BBM class', width: 14, text: (row) => row.bbmClass },
    { heading: 'state', width: STATE_WIDTH, text: (row) => row.state },
    ...counters.map(([counter, heading]) => ({
      heading,
      width: COUNT_WIDTH,
      right: true,
      text: (row: CpuRow) => rounded(row.counts[counter]),
    })),
    { heading: 'waits for', width: WAIT_WIDTH + Math.max(0, left), text: (row) => row.waitsFor },
  ];
}

function lineOf(columns: readonly Column[], textOf: (column: Column) => string): string {
  return columns
    .map((column) => {
      const text = cut(textOf(column), column.width);
      return column.right ? text.padStart(column.width) : text.padEnd(column.width);
    })
    .join(' ')
    .trimEnd();
}

/** CPUs in trouble stand out, idle ones step back. */
function painted({ state }: CpuRow, line: string, style: Style): string {
  if (/faulted|panicked|hung/.test(state)) return style.bad(line);
  return /^(\d+ x )?(off|offline|online: (idle|done))$/.test(state) ? style.dim(line) : line;
}

/** `950`, `12.3k`, `4.56M`. */
export function rounded(count: number): string {
  if (count < 1000) return String(count);
  let size = count;
  let unit = 0;
  for (; size >= 999.5 && unit < 4; unit++) size /= 1000;
  return `${size.toPrecision(3)}${['', 'k', 'M', 'G', 'T'][unit]}`;
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}
