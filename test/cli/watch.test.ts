import { describe, expect, test } from 'vitest';
import { type BootedTo, bootInTurns } from '../../actors/cli/boot-in-turns.ts';
import { openScreen } from '../../actors/cli/terminal/screen.ts';
import { styleFor } from '../../actors/cli/terminal/style.ts';
import { cpuRows } from '../../actors/cli/watch/cpu-rows.ts';
import { legendText, measureLinearMap, sharesInWords, stripText } from '../../actors/cli/watch/linear-strip.ts';
import { rounded, watchFrame } from '../../actors/cli/watch/watch-frame.ts';
import { type CpuView, viewCpus } from '../../actors/thread/view.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { kernelTree } from '../../src/kernel/ptdump/ptdump.ts';
import { sizeShares } from '../../src/kernel/ptdump/ptdump-sizes.ts';

const plain = styleFor({ isTTY: false } as NodeJS.WriteStream);
const asymmetric = boardPresets.get('asymmetric-8')!;

function booted(board: Board, until: BootedTo) {
  return bootInTurns(board, DEFAULT_CONFIG, 1, until);
}

function strip(board: Board, until: BootedTo, cells: number) {
  const { machine, kernel } = booted(board, until);
  return measureLinearMap(machine, kernel, cells);
}

describe('the strip of the linear map', () => {
  test('shows what maps most of each stretch', () => {
    const painted = strip(asymmetric, 'painted', 64);
    expect(stripText(painted, plain)).toBe(`~${'M'.repeat(15)}${'G'.repeat(48)}`);
    expect(legendText(painted, plain)).toMatch(/^G 1G 3G {2}M 32M cont 992M {2}m 2M 28M {2}k 64K cont /);
    expect(stripText(strip(asymmetric, 'running', 64), plain)).toBe('.'.repeat(64));
  });

  test('is empty before anything is mapped, and counts all that is', () => {
    const { machine, kernel } = booted(asymmetric, 'painted');
    const shares = sizeShares(
      machine.memory,
      kernelTree(kernel.space, kernel.symbols.swapperPgDir),
      undefined,
      kernel.space.pageEnd,
    );
    const measured = measureLinearMap(machine, kernel, 7);
    expect([...measured.bytes].reduce((sum, bytes) => sum + bytes)).toBe(4 * 2 ** 30);
    expect([...measured.bytes].filter((bytes) => bytes > 0).sort()).toEqual(shares.map(({ bytes }) => bytes).sort());
    new BigUint64Array(machine.memory.buffer, machine.layout.backing).fill(0n);
    const empty = measureLinearMap(machine, kernel, 7);
    expect([stripText(empty, plain), legendText(empty, plain), sharesInWords(empty)]).toEqual([
      '       ',
      'nothing is mapped yet',
      'nothing',
    ]);
  });

  test('leaves out what lies between two banks, and knows every granule', () => {
    expect(stripText(strip(boardPresets.get('two-bank')!, 'running', 40), plain)).toBe('.'.repeat(40));
    expect(legendText(strip(boardPresets.get('asymmetric-16k')!, 'painted', 40), plain)).toContain('m 32M ');
    expect(legendText(strip(boardPresets.get('asymmetric-64k')!, 'painted', 40), plain)).toContain('m 512M ');
  });
});

const view = (cpu: number, more: Partial<CpuView> = {}): CpuView => ({
  cpu,
  status: 'running',
  powered: true,
  state: 'online: idle',
  waitsFor: '',
  progress: 0,
  counters: Float64Array.from({ length: 32 }, (_, slot) => (slot === 0 ? 1000 : 0)),
  ...more,
});

describe('the CPUs', () => {
  const { cpus } = boardPresets.get('ampereone-192')!;
  const views = cpus.map((_, cpu) => view(cpu, cpu === 0 ? { state: 'online: secondaries' } : {}));

  test('have a row each while there is room', () => {
    expect(cpuRows(views, cpus, 192)).toHaveLength(192);
  });

  test('share rows when there are too many, their counts added up', () => {
    const rows = cpuRows(views, cpus, 20);
    expect(rows.map(({ name, state }) => `${name}: ${state}`)).toEqual([
      '0: online: secondaries',
      '1-191: 191 x online: idle',
    ]);
    expect(rows[1]!.counts.accesses).toBe(191_000);
  });

  test('never need more rows than there are', () => {
    const varied = cpus.map((_, cpu) => view(cpu, { state: `state ${cpu % 50}`, waitsFor: `CPU ${cpu}` }));
    for (const most of [1, 3, 60]) expect(cpuRows(varied, cpus, most).length).toBeLessThanOrEqual(most);
  });
});

test('a picture fits the terminal', () => {
  const { machine, kernel } = booted(boardPresets.get('ampereone-192-mixed')!, 'painted');
  const progress = { machine, kernel, state: 'running', elapsedMs: 1234, cpus: () => viewCpus(machine) };
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 200, rows: 60 },
    { columns: 40, rows: 10 },
  ]) {
    const lines = watchFrame('repaint', progress, measureLinearMap(machine, kernel, size.columns - 1), size, plain);
    expect(lines.length).toBeLessThan(size.rows);
    if (size.columns >= 80) for (const line of lines) expect(line.length).toBeLessThan(size.columns);
  }
});

test('numbers are rounded to three digits', () => {
  expect([0, 999, 1000, 12_345, 999_499, 999_600, 5e9].map(rounded)).toEqual([
    '0',
    '999',
    '1.00k',
    '12.3k',
    '999k',
    '1.00M',
    '5.00G',
  ]);
});

test('the screen hides the cursor, draws in place, and gives the cursor back once', () => {
  let written = '';
  const write = (text: string): boolean => {
    written += text;
    return true;
  };
  const screen = openScreen({ write } as Pick<NodeJS.WriteStream, 'write'>);
  const listeners = process.listenerCount('exit');
  screen.draw(['one', 'two']);
  screen.draw(['three']);
  screen.close();
  screen.close();
  expect(written).toBe('\x1b[?25l\rone\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[2A\rthree\x1b[K\n\x1b[J\x1b[?25h');
  expect(process.listenerCount('exit')).toBe(listeners - 1);
});
