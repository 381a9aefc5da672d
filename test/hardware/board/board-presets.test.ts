import { describe, expect, test } from 'vitest';
import {
  type Board,
  GiB,
  kernelAliasEnd,
  kernelImageAt,
  kernelImageEnd,
  memoryBytes,
} from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModel, cpuModelNames, cpuModels } from '../../../src/hardware/board/cpu-models.ts';

const preset = (name: string): Board => boardPresets.get(name)!;
const _names = (board: Board): string[] => board.cpus.map((cpu) => cpu.name);

describe('the parts', () => {
  test('carry the MIDR_EL1 values that are published for them', () => {
    const expected = {
      'cortex-x4-r0p3': 0x410fd823,
      'neoverse-v3-r0p2': 0x410fd842,
      ampereone: 0xc00fac30,
      'olympus-r0p0': 0x4e0f0100,
      'c1-ultra-r1p1': 0x411fd8c1,
      'cortex-a55': 0x412fd050,
      'cortex-a53': 0x410fd034,
    } as const;
    for (const [name, midr] of Object.entries(expected)) expect(cpuModel(name)!.midr).toBe(midr);
  });

  test('have distinct MIDRs, names with the revision in the MIDR, and buffers that can be built', () => {
    const models = cpuModelNames.map((name) => cpuModel(name)!);
    expect(new Set(models.map((model) => model.midr)).size).toBe(models.length);
    for (const { name, midr } of models) {
      const revision = / r(\d+)p(\d+)$/.exec(name);
      if (revision !== null)
        expect([(midr >>> 20) & 0xf, midr & 0xf]).toEqual([Number(revision[1]), Number(revision[2])]);
      expect(revision !== null || name.startsWith('Generic')).toBe(true);
    }
    expect(validateBoard({ ...defaultBoard, cpus: models })).toEqual([]);
  });

  test('never abort exactly where Linux allows it by MIDR, generic parts aside', () => {
    const noAbort = cpuModelNames.filter((name) => cpuModels[name].conflicts === 'level2-noabort');
    expect(noAbort.filter((name) => !name.startsWith('generic'))).toEqual([
      'ampereone',
      'ampereone-a',
      'neoverse-v3-r0p2',
      'neoverse-v3ae-r0p2',
      'cortex-x4-r0p3',
      'olympus-r0p0',
      'c1-ultra-r1p1',
      'c1-premium-r1p1',
      'c1-pro',
      'c1-nano',
      'cortex-a520ae',
      'cortex-a715',
      'cortex-a720ae',
      'cortex-a725',
      'neoverse-n3',
    ]);
  });

  test('AmpereOne does more than its ID register says', () => {
    expect(cpuModels.ampereone).toMatchObject({ bbm: 0, conflicts: 'level2-noabort' });
  });

  test('a name from the prototype is no part', () => {
    expect(cpuModel('toString')).toBeUndefined();
  });
});

describe('the presets', () => {
  test.each([...boardPresets.keys()])('%s can be built', (name) => {
    expect(validateBoard(preset(name))).toEqual([]);
    expect(preset(name).name).toBe(name);
  });

  test('the default is asymmetric, with its boot CPU among those that never abort', () => {
    expect(defaultBoard.name).toBe('asymmetric-8');
    expect(defaultBoard.cpus.map((cpu) => cpu.conflicts)).toEqual([
      ...Array(2).fill('level2-noabort'),
      ...Array(6).fill('level0'),
    ]);
    expect(defaultBoard).toMatchObject({ granule: '4K', vaBits: 48, memory: [{ base: 0x4000_0000, bytes: 4 * GiB }] });
  });

  test('the large one is as large as the machine that published numbers come from', () => {
    expect(preset('ampereone-192').cpus).toHaveLength(192);
    expect(memoryBytes(preset('ampereone-192'))).toBe(256 * GiB);
  });

  test('every granule and a late CPU occur', () => {
    const boards = [...boardPresets.values()];
    expect(new Set(boards.map((board) => board.granule))).toEqual(new Set(['4K', '16K', '64K']));
    expect(boards.filter((board) => board.lateCpus.length > 0).map((board) => board.name)).toEqual(['late-cpu']);
  });
});

test('the usual kernel image lies where real kernels were found', () => {
  const image = kernelImageAt(0x4000_0000);
  expect([image.pa, kernelAliasEnd(image), kernelImageEnd(image)]).toEqual([0x4021_0000, 0x4186_0000, 0x4221_0000]);
});
