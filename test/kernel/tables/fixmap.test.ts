import { describe, expect, test } from 'vitest';
import { granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { irqEnter } from '../../../src/kernel/locking/preempt.ts';
import { clearFixmap, earlyFixmapInit, fixApeiGhesIrq, setFixmap } from '../../../src/kernel/tables/fixmap.ts';
import { enterLazyMmuMode, leaveLazyMmuMode } from '../../../src/kernel/tables/lazy-mmu.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { recorded } from '../recorded.ts';

function withSlot(granule: (typeof granules)[number] = '4K') {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 2 ** 30, granule });
  const booted = bootCpu(board);
  const { cpu, k } = booted;
  const slot = fixApeiGhesIrq(k.space);
  const initialised = complete(earlyFixmapInit(cpu, k, slot));
  return { ...booted, slot, initialised, record: board.memory[0]!.base + 8 * k.space.granule.pageBytes };
}

const BARRIERS = ['dsb ishst', 'isb'];

describe('a slot of the fixmap', () => {
  test('FIX_APEI_GHES_IRQ is slot 517 below the last 8 MiB', () => {
    expect(fixApeiGhesIrq(withSlot().k.space)).toBe(-0xa0_5000);
  });

  test.each(granules)(
    '%s: has its tables, and nothing in it, until it is set; and nothing again when it is cleared',
    (granule) => {
      const booted = withSlot(granule);
      const { cpu, k, slot, record, initialised } = booted;
      expect(initialised).toBe(0);
      expect(leafOf(booted, slot)).toEqual({ level: 3, value: 0n });
      complete(setFixmap(cpu, k, slot, record, PAGE_KERNEL));
      expect(leafOf(booted, slot)).toEqual({ level: 3, value: BigInt(record) | PAGE_KERNEL });
      complete(clearFixmap(cpu, k, slot));
      expect(leafOf(booted, slot)).toEqual({ level: 3, value: 0n });
    },
  );

  test('is set with barriers, and cleared with a flush of one page', () => {
    const { cpu, k, slot, record } = withSlot();
    expect(recorded(cpu, setFixmap(cpu, k, slot, record, PAGE_KERNEL)).did).toEqual(['buffered', ...BARRIERS]);
    expect(recorded(cpu, clearFixmap(cpu, k, slot)).did).toEqual([
      'buffered',
      'dsb ishst',
      expect.stringMatching(/^tlbi vaale1is 0x/),
      'dsb ish',
      'isb',
    ]);
  });

  test('that a handler sets is there at once, whatever section of lazy MMU mode the task is in', () => {
    const { cpu, k, slot, record } = withSlot();
    enterLazyMmuMode(k);
    expect(recorded(cpu, setFixmap(cpu, k, slot, record, PAGE_KERNEL)).did).toEqual(['buffered']);
    complete(leaveLazyMmuMode(cpu, k));
    complete(clearFixmap(cpu, k, slot));
    enterLazyMmuMode(k);
    irqEnter(k, 'hardirq');
    expect(recorded(cpu, setFixmap(cpu, k, slot, record, PAGE_KERNEL)).did).toEqual(['buffered', ...BARRIERS]);
  });
});
