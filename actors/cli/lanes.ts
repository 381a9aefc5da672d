import type { TraceRecord } from '../../src/hardware/trace.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { recordText } from './trace-text.ts';

/** Most lanes that fit a screen side by side. */
const MOST_LANES = 4;
const STEP_WIDTH = 9;

/**
 * The last `rows` steps up to `untilStep` as lanes, one a CPU: the CPUs in `prefer` first, then those that did most
 * lately. `width`: columns of the terminal.
 */
export function lanes(
  trace: readonly TraceRecord[],
  k: Kernel,
  options: { untilStep: number; prefer: readonly number[]; rows: number; width: number },
): string[] {
  const { untilStep, prefer, rows, width } = options;
  const before = trace.filter(({ step, kind }) => step <= untilStep && kind !== 'none');
  const cpus = choose(before, prefer);
  const shown = before.filter(({ cpu }) => cpus.includes(cpu)).slice(-rows);
  const lane = Math.max(24, Math.floor((width - STEP_WIDTH) / cpus.length) - 3);
  const cell = (text: string): string => (text.length > lane ? `${text.slice(0, lane - 1)}…` : text.padEnd(lane));
  const heading = ['step'.padStart(STEP_WIDTH - 1), ...cpus.map((cpu) => cell(`CPU ${cpu}`))].join(' | ');
  return [
    heading,
    ...shown.map((record) =>
      [
        String(record.step).padStart(STEP_WIDTH - 1),
        ...cpus.map((cpu) => cell(cpu === record.cpu ? recordText(record, k) : '')),
      ]
        .join(' | ')
        .trimEnd(),
    ),
  ];
}

function choose(records: readonly TraceRecord[], prefer: readonly number[]): number[] {
  const latest = records.slice(-64);
  const activity = new Map<number, number>();
  for (const { cpu } of latest) activity.set(cpu, (activity.get(cpu) ?? 0) + 1);
  const busy = [...activity].sort((a, b) => b[1] - a[1]).map(([cpu]) => cpu);
  const wanted = [...new Set([...prefer.filter((cpu) => cpu >= 0), ...busy])];
  return (wanted.length === 0 ? [0] : wanted).slice(0, MOST_LANES).sort((a, b) => a - b);
}
