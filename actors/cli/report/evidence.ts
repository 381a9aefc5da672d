import { numberRanges } from '../../../src/check/progress/number-ranges.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { namePlaces } from './place-name.ts';

/** Most lines of evidence on the first screen; `--json` has all of them. */
const MOST_LINES = 9;

/** The evidence of a violation as it is printed: addresses by name, CPUs in the same state on one line, columns aligned. */
export function evidenceLines(k: Kernel, evidence: readonly string[]): string[] {
  const lines = aligned(cpusTogether(evidence.map((line) => namePlaces(k, line))));
  if (lines.length <= MOST_LINES) return lines;
  const shown = lines.slice(0, MOST_LINES - 1);
  return [...shown, `... and ${lines.length - shown.length} more; --json lists them`];
}

/** `CPU 1: parked`, `CPU 2: parked` become `CPU 1-2: parked`. */
function cpusTogether(lines: readonly string[]): string[] {
  const groups = new Map<string, number[]>();
  for (const line of lines) {
    const match = /^CPU (\d+): (.*)$/.exec(line);
    const rest = match === null ? line : match[2]!;
    groups.set(rest, [...(groups.get(rest) ?? []), ...(match === null ? [] : [Number(match[1])])]);
  }
  return [...groups].map(([rest, cpus]) => (cpus.length === 0 ? rest : `CPU ${numberRanges(cpus)}: ${rest}`));
}

/** Tables of two columns stay aligned when names are shorter than the addresses they stand for. */
function aligned(lines: readonly string[]): string[] {
  const rows = lines.map((line) => line.split(' | ').map((cell) => cell.trimEnd()));
  const width = Math.max(0, ...rows.filter((cells) => cells.length === 2).map(([left]) => left!.length));
  return rows.map((cells) => (cells.length === 2 ? `${cells[0]!.padEnd(width)}  |  ${cells[1]}` : cells.join(' | ')));
}
