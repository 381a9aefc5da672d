import type { TraceRecord } from '../../../src/hardware/trace.ts';
import { foldRepetition } from './repetition.ts';
import { recordShape, recordText, type TraceContext } from './trace-text.ts';

/** Most lanes that fit a screen side by side, and the least that each needs. */
const MOST_LANES = 4;
const NARROWEST = 26;
const STEP_WIDTH = 8;
/** Rows that a CPU that matters has for certain. */
const OWN_ROWS = 3;
/** The last steps stand as they are: what they do is the point. */
const NEVER_FOLDED = 2;

/** What the lanes show: the last `rows` steps up to `untilStep`, of the CPUs in `prefer`. `width`: columns. */
export interface LaneOptions {
  readonly untilStep: number;
  readonly prefer: readonly number[];
  readonly rows: number;
  readonly width: number;
}

interface Row {
  readonly cpu: number;
  readonly step: string;
  readonly text: string;
}

/** The steps that led to a verdict, as lanes: one a CPU, time downwards, what repeats folded. */
export function lanes(trace: readonly TraceRecord[], context: TraceContext, options: LaneOptions): string[] {
  const before = trace.filter(({ step, kind }) => step <= options.untilStep && kind !== 'none');
  const cpus = chooseLanes(before, options);
  const rows = rowsOf(
    before.filter(({ cpu }) => cpus.includes(cpu)),
    context,
  );
  if (rows.length === 0) return [];
  const shown = chooseRows(rows, cpus, options);
  const widths = laneWidths(
    cpus,
    shown.map((index) => rows[index]!),
    options.width - STEP_WIDTH,
  );
  const heading = [`${'step'.padStart(STEP_WIDTH)}`, ...cpus.map((cpu, i) => cell(`CPU ${cpu}`, widths[i]!))];
  const lines = shown.flatMap((index, i) => {
    const row = rows[index]!;
    const cells = cpus.map((cpu, lane) => cell(cpu === row.cpu ? row.text : '', widths[lane]!));
    const gap = i > 0 && shown[i - 1] !== index - 1 ? [`${'...'.padStart(STEP_WIDTH)}`] : [];
    return [...gap, [row.step.padStart(STEP_WIDTH), ...cells].join(' | ').trimEnd()];
  });
  return [heading.join(' | ').trimEnd(), ...lines];
}

/** The preferred CPUs that did anything, or those that did most lately; as many as fit. */
function chooseLanes(records: readonly TraceRecord[], { prefer, width }: LaneOptions): number[] {
  const activity = new Map<number, number>();
  for (const { cpu } of records.slice(-64)) activity.set(cpu, (activity.get(cpu) ?? 0) + 1);
  const acted = new Set(records.map(({ cpu }) => cpu));
  const busy = [...activity].sort((a, b) => b[1] - a[1]).map(([cpu]) => cpu);
  const preferred = prefer.filter((cpu) => acted.has(cpu));
  const fitting = Math.max(1, Math.floor((width - STEP_WIDTH) / (NARROWEST + 3)));
  const chosen = preferred.length > 0 ? preferred : busy;
  return chosen.slice(0, Math.min(MOST_LANES, fitting)).sort((a, b) => a - b);
}

/** Neighbouring steps of one CPU that repeat become one row, or one round of rows. */
function rowsOf(records: readonly TraceRecord[], context: TraceContext): Row[] {
  const row = (record: TraceRecord, suffix = ''): Row => ({
    cpu: record.cpu,
    step: String(record.step),
    text: `${recordText(record, context)}${suffix}`,
  });
  const folded = foldRepetition(
    records.slice(0, -NEVER_FOLDED),
    (record) => `${record.cpu} ${recordShape(record, context)}`,
  );
  return [
    ...folded.flatMap(({ steps, times }) => {
      if (times === 1) return steps.map((step) => row(step));
      if (steps.length === 1) return [row(steps[0]!, ` x ${times}`)];
      const again = { cpu: steps[0]!.cpu, step: '', text: `(these ${steps.length} steps x ${times})` };
      return [...steps.map((step) => row(step)), again];
    }),
    ...records.slice(-NEVER_FOLDED).map((record) => row(record)),
  ];
}

/** Indices of the last rows, and of the last few of each lane however long ago they were; in order. */
function chooseRows(rows: readonly Row[], cpus: readonly number[], { rows: most }: LaneOptions): number[] {
  const indices = rows.map((_, index) => index);
  const own = cpus.flatMap((cpu) => indices.filter((index) => rows[index]!.cpu === cpu).slice(-OWN_ROWS));
  const latest = indices.slice(-Math.max(1, most - own.filter((index) => index < rows.length - most).length));
  return [...new Set([...own, ...latest])].sort((a, b) => a - b);
}

/** The narrowest lanes get what they need; the others share what is left. */
function laneWidths(cpus: readonly number[], rows: readonly Row[], width: number): number[] {
  const needs = cpus.map((cpu) => Math.max(8, ...rows.filter((row) => row.cpu === cpu).map(({ text }) => text.length)));
  const widths = [...needs];
  let room = width - 3 * cpus.length;
  let lanesLeft = cpus.length;
  for (const [lane, need] of [...needs.entries()].sort((a, b) => a[1] - b[1])) {
    widths[lane] = Math.min(need, Math.max(8, Math.floor(room / lanesLeft)));
    room -= widths[lane]!;
    lanesLeft -= 1;
  }
  return widths;
}

function cell(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}
