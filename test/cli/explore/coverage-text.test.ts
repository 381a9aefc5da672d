import { describe, expect, test } from 'vitest';
import { coverageDocument, coverageText } from '../../../actors/cli/explore/coverage-text.ts';
import type { Style } from '../../../actors/cli/terminal/style.ts';
import type { Coverage } from '../../../src/explore/coverage/coverage.ts';
import type { Coverable } from '../../../src/explore/coverage/coverage-table.ts';
import { numberOfSituation, type TlbSituation } from '../../../src/explore/coverage/situations.ts';
import { oneBlock } from '../../explore/covered.ts';

const plain = (text: string): string => text;
const style: Style = {
  good: plain,
  bad: plain,
  warn: plain,
  strong: plain,
  dim: plain,
  paint: (_, text) => text,
  isTerminal: false,
  width: 100,
};

const situation = (of: TlbSituation, schedules: number) => ({ situation: numberOfSituation(of), schedules });
const painted = { bbm: 'level2-noabort', memory: 'same', tlbi: 'none', phase: 'painting' } as const;

const coverage: Coverage = {
  taken: [
    { chart: 'early', state: 'online.stop.prepare', event: 'stopMachine.irqsOff', schedules: 1234 },
    { chart: 'system', state: 'running', event: 'work.started', schedules: 2 },
  ],
  refused: [{ chart: 'early', state: 'online: idle', event: 'repaint.parked', schedules: 3 }],
  situations: [
    situation({ ...painted, cached: ['block'] }, 7),
    situation({ ...painted, cached: ['page', 'block'], memory: 'other size' }, 5),
    situation({ ...painted, cached: ['page'], tlbi: 'issued', phase: 'flushing' }, 1),
    situation({ ...painted, cached: ['page'], tlbi: 'completed', phase: 'flushing' }, 1),
    situation({ ...painted, bbm: 'level0', cached: ['page'] }, 4),
  ],
};
const coverable: Coverable = {
  board: oneBlock(2),
  from: 'brought-up',
  reachable: [
    { chart: 'early', state: 'online.stop.prepare', event: 'stopMachine.irqsOff' },
    { chart: 'early', state: 'powered', event: 'cpu.panicked' },
    { chart: 'system', state: 'running', event: 'work.finished' },
  ],
};

describe('coverage for people', () => {
  const lines = coverageText(coverage, coverable, style);
  const below = (title: RegExp): string[] => lines.slice(lines.findIndex((line) => title.test(line)));

  test('lists the states of each chart with what they took, the empty cells, and what was refused', () => {
    expect(lines[0]).toMatch(/^charts: 2 of 4 cells taken/);
    expect(lines.slice(1, 8)).toEqual([
      '  a secondary: 1 of 2',
      '    online.stop.prepare  stopMachine.irqsOff 1,234',
      '    powered              cpu.panicked -',
      "    refused: repaint.parked in 'online: idle' 3",
      '  the board: 1 of 2',
      '    running  work.finished -, work.started 2',
      '',
    ]);
  });

  test('shows in each cell how far TLBIs came, what nobody met, and what is ruled out', () => {
    expect(below(/class level2-noabort: 4 of \d+/).slice(1, 5)).toEqual([
      '    cached     memory     before stop   park   paint  flush  free   run    split',
      '    page       same       .---   .---   .---   .---   .i.c   ....   ....   ....',
      '    block      same       .---   .---   .---   n---   ....   ....   ....   ....',
      '    page+block other size --     --     --     n-     ..     ..     ..     ..',
    ]);
    const rest = below(/class level2-noabort/)
      .join(' ')
      .replace(/\s+/g, ' ');
    expect(rest).toMatch(/empty from end to end: nothing, something; nothing, invalid; page, other size; /);
    expect(rest).toMatch(/cannot be: a TLBI that has reached the CPU leaves nothing that is older/);
    expect(rest).toMatch(/must not be: nothing is flushed before all is painted/);
    expect(rest).not.toMatch(/MET/);
  });

  test('cries out where somebody came to what is ruled out', () => {
    const [, , page] = below(/class level0/);
    expect(page).toBe('    page    same       .---   .---   .---   N---   ----   ....   ....   ....');
    const all = lines.join(' ').replace(/\s+/g, ' ');
    expect(all).toMatch(/MET 4 page, same, painting, TLBI none, though while the boot CPU paints and flushes/);
  });

  test('keeps within the width', () => {
    const narrow = coverageText(coverage, coverable, { ...style, width: 80 });
    expect(Math.max(...narrow.map(({ length }) => length))).toBeLessThanOrEqual(80);
  });
});

test('coverage for machines has every cell that may be met, the empty ones at 0, and no other', () => {
  const { charts, tlb } = structuredClone(coverageDocument(coverage, coverable)) as {
    charts: { chart: string; cells: object[]; refused: object[] }[];
    tlb: { bbm: string; rows: { cached: string[]; memory: string; schedules: Record<string, object> }[] }[];
  };
  expect(charts.map(({ chart, cells, refused }) => [chart, cells.length, refused.length])).toEqual([
    ['early', 2, 1],
    ['system', 2, 0],
  ]);
  expect(charts[0]!.cells[1]).toEqual({ state: 'powered', event: 'cpu.panicked', schedules: 0 });
  const row = tlb[1]!.rows.find(({ cached, memory }) => cached.join() === 'page,block' && memory === 'other size')!;
  expect(tlb[1]!.bbm).toBe('level2-noabort');
  expect(row.schedules.painting).toEqual({ none: 5 });
  expect(row.schedules.flushing).toEqual({ none: 0, issued: 0 });
  expect(row.schedules.before).toBeUndefined();
  const page = tlb[0]!.rows.find(({ cached, memory }) => cached.join() === 'page' && memory === 'same')!;
  expect(page.schedules.painting).toEqual({ none: 4 });
});
