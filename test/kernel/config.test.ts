import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { allocatedFrames } from '../../src/hardware/memory/frame.ts';
import {
  canSetDirectMap,
  DEFAULT_CONFIG,
  KFENCE,
  RODATA,
  rodataFull,
  tablePagesNeeded,
} from '../../src/kernel/config.ts';
import { rangeSplitToPtes } from '../../src/kernel/linear-map/split.ts';
import { bootCpu, complete } from './boot-cpu.ts';

describe('rodata=', () => {
  test.each(RODATA)('%s', (rodata) => {
    expect(rodataFull({ ...DEFAULT_CONFIG, rodata })).toBe(rodata === 'full' || rodata === 'on');
  });
});

describe('can_set_direct_map() while the linear map is made', () => {
  const never = { ...DEFAULT_CONFIG, rodata: 'off' } as const;
  test('no', () => {
    expect(canSetDirectMap(never)).toBe(false);
    expect(canSetDirectMap({ ...never, rodata: 'noalias' })).toBe(false);
    for (const kfence of KFENCE) expect(canSetDirectMap({ ...never, kfence })).toBe(kfence === 'late');
    expect(canSetDirectMap({ ...never, realm: true })).toBe(false); // is_realm_world() is false until RSI is initialised
  });
  test.each([{ rodata: 'full' }, { rodata: 'on' }, { debugPagealloc: true }, { kfence: 'late' }] as const)(
    'yes: %o',
    (one) => expect(canSetDirectMap({ ...never, ...one })).toBe(true),
  );
});

describe('the pool of page tables holds a map of nothing but pages', () => {
  test.each([...boardPresets.keys()])('%s', (name) => {
    const preset = boardPresets.get(name)!;
    const memoryBytes = name === 'two-bank' ? 2 ** 31 + 2 ** 28 : 2 ** 30;
    const board = resizedBoard(preset, { cpus: 1, memoryBytes });
    const { memory, cpu, k } = bootCpu(board);
    expect(complete(rangeSplitToPtes(cpu, k, k.space.pageOffset, k.space.pageEnd, 'kernel'))).toBe(0);
    expect(allocatedFrames(memory).now).toBeLessThanOrEqual(tablePagesNeeded(board));
  });
});
