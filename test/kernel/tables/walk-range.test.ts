import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { EINVAL } from '../../../src/kernel/errno.ts';
import { rangeSplitToPtes } from '../../../src/kernel/linear-map/split.ts';
import { type Visit, walkKernelPageTableRangeLockless } from '../../../src/kernel/tables/walk-range.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';

const MiB = 2 ** 20;

function booted(): Booted {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 3 * 2 ** 30 });
  return bootCpu(board);
}

/** What a walk from `from` to `to` (physical) visits: level, where, and how much of it. */
function visits({ cpu, k }: Booted, from: number, to: number, stopAt = Infinity) {
  const seen: string[] = [];
  const see: Visit = function* ({ level, va, next, bytes }) {
    const pa = va - k.space.pageOffset + k.space.memstart;
    seen.push(`${level} ${pa.toString(16)}+${(next - va).toString(16)}${next - va === bytes ? '' : ' part'}`);
    return seen.length === stopAt ? -5 : 0;
  };
  const va = (pa: number): number => physToVirt(k.space, pa);
  const result = complete(
    walkKernelPageTableRangeLockless(cpu, k, va(from), va(to), { blockEntry: see, pteEntry: see }),
  );
  return { result, seen };
}

describe('walk_kernel_page_table_range_lockless()', () => {
  test('visits every entry on the way in order, tables before what hangs below, and says what is covered', () => {
    const machine = booted();
    const { cpu, k } = machine;
    const split = physToVirt(k.space, 0x6020_0000);
    complete(rangeSplitToPtes(cpu, k, split, split + 2 * MiB, 'kernel'));
    expect(visits(machine, 0x6000_0000, 0x6020_2000)).toEqual({
      result: 0,
      seen: [
        '1 60000000+202000 part',
        '2 60000000+200000',
        '2 60200000+2000 part',
        '3 60200000+1000',
        '3 60201000+1000',
      ],
    });
    expect(visits(machine, 0x603f_f000, 0x6050_0000).seen).toEqual([
      '1 603ff000+101000 part',
      '2 603ff000+1000 part',
      '3 603ff000+1000',
      '2 60400000+100000 part',
    ]);
    expect(visits(machine, 0x8000_0000, 0xc000_1000).seen).toEqual(['1 80000000+40000000', '1 c0000000+1000 part']);
  });

  test('passes over what is empty', () => {
    expect(visits(booted(), 0x10_0000_0000, 0x20_0000_0000)).toEqual({ result: 0, seen: [] });
  });

  test('ends at the first error, and returns it', () => {
    expect(visits(booted(), 0x6000_0000, 0x6080_0000, 3)).toEqual({
      result: -5,
      seen: ['1 60000000+800000 part', '2 60000000+200000', '2 60200000+200000'],
    });
  });

  test('refuses an empty range', () => {
    expect(visits(booted(), 0x6000_0000, 0x6000_0000)).toEqual({ result: -EINVAL, seen: [] });
    expect(visits(booted(), 0x6000_1000, 0x6000_0000)).toEqual({ result: -EINVAL, seen: [] });
  });
});
