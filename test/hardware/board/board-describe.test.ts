import { describe, expect, test } from 'vitest';
import type { Board } from '../../../src/hardware/board/board.ts';
import { describeBoard } from '../../../src/hardware/board/board-describe.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';

const preset = (name: string): Board => boardPresets.get(name)!;
const a520 = cpuModels['cortex-a520'];

describe('describeBoard', () => {
  test('groups CPUs by part and says what they do on a conflict', () => {
    expect(describeBoard(preset('late-cpu'))).toEqual([
      'late-cpu: three CPUs qualify; the fourth does not, and comes only after the decision',
      '  translation   4K granule, 48-bit virtual addresses (linear map: up to 128T)',
      '  memory        4G: 0x40000000..0x140000000',
      '  kernel image  0x40210000..0x42210000, read-only alias to 0x41860000',
      '  interconnect  a broadcast TLBI takes about 100 cycles to arrive',
      '  CPUs          4, late: cpu3',
      '    cpu0-2  Cortex-X4 r0p3  MIDR_EL1 0x410fd823',
      '      conflicts   level2-noabort (ID_AA64MMFR2_EL1.BBM reads 2)',
      '      TLB         2048 entries, 8 ways; walk cache 128; store buffer 64',
      '      features    tlbiRange, ttl, cnp, e0pd, hpds, pan, HAFDBS 2, 40-bit PA',
      '      errata      4118414',
      '    cpu3  Cortex-A520 r0p1  MIDR_EL1 0x410fd801',
      '      conflicts   level0 (ID_AA64MMFR2_EL1.BBM reads 0)',
      '      TLB         512 entries, 4 ways; walk cache 64; store buffer 16',
      '      features    tlbiRange, ttl, cnp, e0pd, hpds, pan, HAFDBS 2, 40-bit PA',
    ]);
  });

  test('points out where register and silicon disagree, in either direction', () => {
    const line = (board: Board) => describeBoard(board).find((one) => one.includes('conflicts'));
    const lying = { ...a520, bbm: 3, conflicts: 'level2' } as const;
    expect(line(preset('ampereone-192'))).toContain('BBM reads 0: it does more than it says');
    expect(line({ ...defaultBoard, cpus: [lying] })).toContain('BBM reads 3: it says more than it does');
  });

  test('writes scattered CPU ids as runs', () => {
    expect(describeBoard(preset('x4-r0p2')).some((one) => one.startsWith('    cpu0,2  '))).toBe(true);
  });
});
