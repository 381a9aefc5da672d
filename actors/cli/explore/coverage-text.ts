import type { ChartName } from '../../../src/explore/coverage/chart-watch.ts';
import type { Coverage, Met } from '../../../src/explore/coverage/coverage.ts';
import {
  type ChartTableau,
  type Coverable,
  chartTableaux,
  isOpen,
  type TlbCell,
  type TlbRow,
  type TlbTableau,
  tlbTableaux,
} from '../../../src/explore/coverage/coverage-table.ts';
import { PROTOCOL_PHASES, type ProtocolPhase, TLBI_PHASES } from '../../../src/explore/coverage/situations.ts';
import type { Style } from '../terminal/style.ts';
import { wrap } from '../terminal/wrap.ts';

/** Coverage as tables with their empty cells, for people; `coverageDocument` for machines. */

/** Lines without indentation. */
export function coverageText(coverage: Coverage, coverable: Coverable, style: Style): string[] {
  const charts = chartTableaux(coverage, coverable);
  const tlbs = tlbTableaux(coverage, coverable);
  const cells = charts.flatMap((chart) => chart.cells);
  return [
    ...wrap(
      `charts: ${share(cells)} cells taken: an event in a state that takes it, with how many schedules did; - none`,
      style.width - 2,
    ),
    ...charts.flatMap((chart) => chartLines(chart, style)),
    '',
    ...wrap(
      'TLB situations, where a CPU used or cached a page of the linear map: what its TLB holds for it, what memory holds ' +
        'beside that, how far the kernel is, and in each cell how far a TLBI of the page has come: n none, i issued, ' +
        'd delivered here, c completed; . in its place: no schedule met it; blank: it cannot be; - it must not be',
      style.width - 2,
    ),
    ...tlbs.flatMap((tlb) => tlbLines(tlb, style)),
  ];
}

const CHART_TITLES: Readonly<Record<ChartName, string>> = {
  boot: 'the boot CPU',
  early: 'a secondary',
  late: 'a late CPU',
  system: 'the board',
};

function chartLines({ chart, cells, refused }: ChartTableau, style: Style): string[] {
  const states = [...new Set(cells.map(({ state }) => state))].sort();
  const room = Math.max(0, ...states.map(({ length }) => length)) + 2;
  const events = (of: string): string =>
    cells
      .filter(({ state }) => state === of)
      .map(({ event, schedules }) => `${event} ${schedules === 0 ? '-' : n(schedules)}`)
      .join(', ');
  return [
    `  ${style.strong(CHART_TITLES[chart])}: ${share(cells)}`,
    ...states.flatMap((state) =>
      wrap(`${state.padEnd(room)}${events(state)}`, style.width - 4, ' '.repeat(room)).map((line) => `    ${line}`),
    ),
    ...refused.flatMap(({ state, event, schedules }) =>
      wrap(`refused: ${event} in '${state}' ${n(schedules)}`, style.width - 6, '  ').map((line) => `    ${line}`),
    ),
  ];
}

const PHASE_TITLES: Readonly<Record<ProtocolPhase, string>> = {
  before: 'before',
  stopping: 'stop',
  parking: 'park',
  painting: 'paint',
  flushing: 'flush',
  released: 'free',
  running: 'run',
  splitting: 'split',
};

function tlbLines({ bbm, rows }: TlbTableau, style: Style): string[] {
  const open = rows.flatMap(({ cells }) => cells).filter(isOpen);
  const some = rows.filter(({ cells }) => cells.some(({ schedules }) => schedules > 0));
  const none = rows.filter((row) => !some.includes(row));
  const room = Math.max(8, ...some.map((row) => sizesText(row).length + 1));
  const titles = PROTOCOL_PHASES.map((phase) => PHASE_TITLES[phase].padEnd(6)).join(' ');
  return [
    `  ${style.strong(`CPUs of class ${bbm}`)}: ${share(open)}`,
    `    ${'cached'.padEnd(room)}${'memory'.padEnd(11)}${titles}`.trimEnd(),
    ...some.map((row) => `    ${sizesText(row).padEnd(room)}${memoryText(row).padEnd(11)}${cellsText(row)}`.trimEnd()),
    ...(none.length === 0 ? [] : paragraph(`empty from end to end: ${none.map(rowText).join('; ')}`, style)),
    ...reasons(rows, 'architecture').flatMap((why) => paragraph(`cannot be: ${why}`, style)),
    ...reasons(rows, 'protocol').flatMap((why) => paragraph(`must not be: ${why}`, style)),
    ...rows.flatMap((row) =>
      row.cells
        .filter(({ schedules, ruledOut }) => schedules > 0 && ruledOut !== undefined)
        .flatMap(({ phase, tlbi, schedules, ruledOut }) =>
          paragraph(
            `${style.bad(`MET ${n(schedules)}`)} ${rowText(row)}, ${phase}, TLBI ${tlbi}, though ${ruledOut!.why}`,
            style,
          ),
        ),
    ),
  ];
}

const paragraph = (text: string, { width }: Style): string[] =>
  wrap(text, width - 4, '  ').map((line) => `    ${line}`);

function reasons(rows: readonly TlbRow[], by: 'architecture' | 'protocol'): string[] {
  const whys = rows.flatMap(({ cells }) =>
    cells.flatMap(({ ruledOut }) => (ruledOut?.by === by ? [ruledOut.why] : [])),
  );
  return [...new Set(whys)];
}

function cellsText({ cells }: TlbRow): string {
  return PROTOCOL_PHASES.map((phase) =>
    cells
      .filter((cell) => cell.phase === phase)
      .map((cell) => markOf(cell, cell.tlbi[0]!))
      .join('')
      .padEnd(6),
  ).join(' ');
}

function markOf({ schedules, ruledOut }: TlbCell, met: string): string {
  if (schedules > 0) return ruledOut === undefined ? met : met.toUpperCase();
  if (ruledOut === undefined) return '.';
  return ruledOut.by === 'architecture' ? ' ' : '-';
}

const sizesText = ({ cached }: TlbRow): string => (cached.length === 0 ? 'nothing' : cached.join('+'));
const memoryText = ({ cached, memory }: TlbRow): string =>
  cached.length === 0 && memory === 'same' ? 'something' : memory;
const rowText = (row: TlbRow): string => `${sizesText(row)}, ${memoryText(row)}`;

function share(cells: readonly Met[]): string {
  return `${n(cells.filter(({ schedules }) => schedules > 0).length)} of ${n(cells.length)}`;
}

const n = (value: number): string => value.toLocaleString('en-US');

/** What `--json` says of coverage: in how many schedules each cell was met, 0 for the empty ones. */
export function coverageDocument(coverage: Coverage, coverable: Coverable): Record<string, unknown> {
  return {
    charts: chartTableaux(coverage, coverable).map(({ chart, cells, refused }) => ({
      chart,
      cells: cells.map(({ state, event, schedules }) => ({ state, event, schedules })),
      refused: refused.map(({ state, event, schedules }) => ({ state, event, schedules })),
    })),
    tlb: tlbTableaux(coverage, coverable).map(({ bbm, rows }) => ({
      bbm,
      rows: rows.map((row) => ({ cached: row.cached, memory: row.memory, schedules: byPhase(row) })),
    })),
  };
}

/** By phase of the protocol, and there by phase of the TLBI; what is ruled out is not there, unless it was met. */
function byPhase({ cells }: TlbRow): Record<string, Record<string, number>> {
  const open = cells.filter(isOpen);
  const phases = PROTOCOL_PHASES.filter((phase) => open.some((cell) => cell.phase === phase));
  return Object.fromEntries(
    phases.map((phase) => [
      phase,
      Object.fromEntries(
        TLBI_PHASES.flatMap((tlbi) =>
          open.filter((cell) => cell.phase === phase && cell.tlbi === tlbi).map(({ schedules }) => [tlbi, schedules]),
        ),
      ),
    ]),
  );
}
