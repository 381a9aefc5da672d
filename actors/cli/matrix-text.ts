import type { Style } from './terminal/style.ts';
import { wrap } from './terminal/wrap.ts';

/** Revisions by boards, as a table; under it what was violated, and how to see it. */

/** What a scenario came to on one board and revision. */
export interface Cell {
  readonly board: string;
  readonly revision: string;
  /** `good`, the property that was violated, or `inconclusive` where the search did not come to its end. */
  readonly found: string;
  readonly message: string;
  readonly schedules: number;
  readonly token?: string;
}

/** Lines to print. Cells that are missing were not run. */
export function matrixLines(
  cells: readonly Cell[],
  boards: readonly string[],
  revisions: readonly string[],
  style: Style,
): string[] {
  const cellAt = (board: string, revision: string): Cell | undefined =>
    cells.find((cell) => cell.board === board && cell.revision === revision);
  const first = Math.max(...boards.map((name) => name.length)) + 2;
  const widths = revisions.map(
    (revision) => Math.max(revision.length, ...boards.map((name) => textOf(cellAt(name, revision)).length)) + 2,
  );
  const rows = boards.map((name) => {
    const line = revisions.map((revision, column) => {
      const cell = cellAt(name, revision);
      return paintFor(cell, style)(textOf(cell)) + ' '.repeat(widths[column]! - textOf(cell).length);
    });
    return `  ${name.padEnd(first)}${line.join('')}`.trimEnd();
  });
  const head = revisions.map((revision, column) => revision.padEnd(widths[column]!)).join('');
  return ['', style.strong(`  ${''.padEnd(first)}${head}`.trimEnd()), ...rows, '', ...stories(cells, style)];
}

const textOf = (cell: Cell | undefined): string => cell?.found ?? '-';

function paintFor(cell: Cell | undefined, style: Style): (text: string) => string {
  if (cell === undefined) return style.dim;
  return cell.found === 'good' ? style.good : cell.found === 'inconclusive' ? style.warn : style.bad;
}

/** Each thing that went wrong once, with one token, and where it was met. */
function stories(cells: readonly Cell[], style: Style): string[] {
  const bad = cells.filter(({ found }) => found !== 'good' && found !== 'inconclusive');
  const kinds = Map.groupBy(bad, ({ found, message }) => `${found}: ${message}`);
  return [...kinds].flatMap(([kind, where]) => {
    const [{ board, revision, token }] = where as [Cell];
    return [
      ...wrap(kind, style.width - 2),
      ...wrap(`in ${placesText(where)}`, style.width - 4).map((line) => `  ${line}`),
      `  again, ${revision} on ${board}: npx asymmu replay ${token}`,
    ].map((line) => `  ${line}`);
  });
}

/** 'v4 and 6.18 on these boards; v5 on those'. */
function placesText(cells: readonly Cell[]): string {
  const boards = (revision: string): string =>
    cells.flatMap((cell) => (cell.revision === revision ? [cell.board] : [])).join(', ');
  const revisions = [...new Set(cells.map(({ revision }) => revision))];
  const same = Map.groupBy(revisions, boards);
  return [...same].map(([where, which]) => `${which.join(', ')} on ${where}`).join('; ');
}
