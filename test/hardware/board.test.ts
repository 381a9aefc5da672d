import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Board,
  GiB,
  kernelAliasEnd,
  kernelImageAt,
  kernelImageEnd,
  MiB,
  memoryBytes,
  TiB,
  vaBitsByGranule,
} from '../../src/hardware/board.ts';
import { validateBoard } from '../../src/hardware/board-check.ts';
import { describeBoard } from '../../src/hardware/board-describe.ts';
import { drawBoard } from '../../src/hardware/board-draw.ts';
import { boardPresets, defaultBoard } from '../../src/hardware/board-presets.ts';
import { type BoardSize, resizeBoard } from '../../src/hardware/board-resize.ts';
import { cpuModel, cpuModelNames, cpuModels } from '../../src/hardware/cpu-models.ts';

const preset = (name: string): Board => boardPresets.get(name)!;
const names = (board: Board): string[] => board.cpus.map((cpu) => cpu.name);
const a520 = cpuModels['cortex-a520'];

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

describe('validateBoard catches', () => {
  const withModel = (change: object): Board => ({
    ...defaultBoard,
    cpus: [cpuModels['cortex-x4-r0p3'], { ...a520, ...change }],
  });
  const bank = (base: number, bytes: number) => ({ base, bytes });

  /** The 64K granule with 42 bits: room for 2 TiB, and a CPU that addresses more. */
  const large: Board = { ...defaultBoard, granule: '64K', vaBits: 42, cpus: [cpuModels.ampereone] };

  const cases: [what: string, bad: Board, problems: string[], good: Board][] = [
    ['a missing name', { ...defaultBoard, name: ' ' }, ['name: a board needs a name'], { ...defaultBoard, name: 'x' }],
    [
      'no CPU',
      { ...defaultBoard, cpus: [] },
      ['cpus: 0 CPUs: a board has 1 to 512'],
      { ...defaultBoard, cpus: [a520] },
    ],
    [
      'too many CPUs',
      { ...defaultBoard, cpus: Array(513).fill(a520) },
      ['cpus: 513 CPUs: a board has 1 to 512'],
      { ...defaultBoard, cpus: Array(512).fill(a520) },
    ],
    [
      'a granule and VA size that Linux does not combine',
      { ...defaultBoard, granule: '16K', vaBits: 39 },
      ['vaBits: 39-bit virtual addresses with the 16K granule: Linux offers 36 or 47 or 48'],
      { ...defaultBoard, granule: '16K', vaBits: 36 },
    ],
    [
      'an unknown granule',
      { ...defaultBoard, granule: '8K' as '4K' },
      ['granule: 8K: expected one of 4K, 16K, 64K'],
      { ...defaultBoard, granule: '64K' },
    ],
    [
      'RAM that is not page aligned',
      { ...defaultBoard, granule: '64K', memory: [bank(0x4000_0000, 4 * GiB + 4096)] },
      ['memory[0].bytes: 4194308K is not a multiple of the 64K page'],
      { ...defaultBoard, granule: '4K', memory: [bank(0x4000_0000, 4 * GiB + 4096)] },
    ],
    [
      'overlapping ranges',
      { ...defaultBoard, memory: [bank(0x4000_0000, 2 * GiB), bank(0xb000_0000, GiB)] },
      [
        'memory[1].base: 0xb0000000..0xf0000000 overlaps 0x40000000..0xc0000000: RAM ranges must be sorted and disjoint',
      ],
      { ...defaultBoard, memory: [bank(0x4000_0000, 2 * GiB), bank(0xc000_0000, GiB)] },
    ],
    [
      'unsorted ranges',
      { ...defaultBoard, memory: [bank(0x8000_0000, GiB), bank(0x4000_0000, GiB)] },
      [
        'memory[1].base: 0x40000000..0x80000000 comes after 0x80000000..0xc0000000: RAM ranges must be sorted and disjoint',
      ],
      { ...defaultBoard, memory: [bank(0x4000_0000, GiB), bank(0x8000_0000, GiB)] },
    ],
    ['no RAM', { ...defaultBoard, memory: [] }, ['memory: a board needs at least one range of RAM'], defaultBoard],
    [
      'an empty range',
      { ...defaultBoard, memory: [bank(0x4000_0000, 0)] },
      ['memory[0].bytes: 0: expected a size below 2^48'],
      { ...defaultBoard, memory: [bank(0x4000_0000, 64 * MiB)] },
    ],
    [
      'more RAM than the linear map holds',
      { ...defaultBoard, vaBits: 39, memory: [bank(0x4000_0000, 257 * GiB)] },
      ['memory[0]: RAM reaches 257G from 0x40000000: the linear map of 39-bit virtual addresses holds 256G'],
      { ...defaultBoard, vaBits: 39, memory: [bank(0x4000_0000, 256 * GiB)] },
    ],
    [
      'a hole that pushes RAM out of the linear map',
      { ...preset('two-bank'), granule: '16K', vaBits: 36 },
      ['memory[1]: RAM reaches 35G from 0x40000000: the linear map of 36-bit virtual addresses holds 32G'],
      { ...preset('two-bank'), granule: '16K', vaBits: 47 },
    ],
    [
      'RAM out of reach because the linear map begins at a multiple of 1 GiB below it',
      { ...defaultBoard, vaBits: 39, memory: [bank(0x6000_0000, 256 * GiB)], kernelImage: kernelImageAt(0x6000_0000) },
      ['memory[0]: RAM reaches 262656M from 0x40000000: the linear map of 39-bit virtual addresses holds 256G'],
      { ...defaultBoard, vaBits: 39, memory: [bank(0x6000_0000, 255 * GiB)], kernelImage: kernelImageAt(0x6000_0000) },
    ],
    [
      'RAM out of reach of the 64K granule, where the linear map begins at a multiple of 512 MiB',
      { ...large, memory: [bank(0x3000_0000, 2 * TiB)], kernelImage: kernelImageAt(0x3000_0000) },
      ['memory[0]: RAM reaches 2097408M from 0x20000000: the linear map of 42-bit virtual addresses holds 2T'],
      { ...large, memory: [bank(0x2000_0000, 2 * TiB)], kernelImage: kernelImageAt(0x2000_0000) },
    ],
    [
      'RAM that one CPU cannot address',
      { ...defaultBoard, memory: [bank(0x4000_0000, TiB)], cpus: [cpuModels.ampereone, a520] },
      ['memory[0]: RAM ends at 0x10040000000: CPU 1 (Cortex-A520 r0p1) has 40-bit physical addresses'],
      { ...defaultBoard, memory: [bank(0x4000_0000, TiB)], cpus: [cpuModels.ampereone] },
    ],
    [
      'a kernel image outside RAM',
      { ...defaultBoard, kernelImage: kernelImageAt(0) },
      ['kernelImage: the image 0x210000..0x2210000 is not within RAM (0x40000000..0x140000000)'],
      { ...defaultBoard, kernelImage: kernelImageAt(0x8000_0000) },
    ],
    [
      'a kernel image that reaches over the end of a bank',
      { ...preset('two-bank'), kernelImage: kernelImageAt(0x4000_0000 + 2 * GiB - 32 * MiB) },
      [
        'kernelImage: the image 0xbe210000..0xc0210000 is not within RAM (0x40000000..0xc0000000, 0x880000000..0x900000000)',
      ],
      { ...preset('two-bank'), kernelImage: kernelImageAt(0x4000_0000 + 2 * GiB - 64 * MiB) },
    ],
    [
      'a kernel segment that is not page aligned',
      { ...defaultBoard, granule: '64K', kernelImage: { ...kernelImageAt(0x4000_0000), initBytes: 0x1000 } },
      ['kernelImage.initBytes: 4K is not a multiple of the 64K page'],
      { ...defaultBoard, granule: '4K', kernelImage: { ...kernelImageAt(0x4000_0000), initBytes: 0x1000 } },
    ],
    [
      'a kernel that leaves no room',
      { ...defaultBoard, memory: [bank(0x4020_0000, 0x21f_0000)] },
      ['memory: the kernel image leaves 1984K of RAM: at least 2M is needed'],
      { ...defaultBoard, memory: [bank(0x4000_0000, 0x241_0000)] },
    ],
    [
      'TLB sets that are no power of two',
      withModel({ tlb: { entries: 1000, ways: 8 } }),
      ['cpus[1].tlb: 1000 entries in 8 ways make 125 sets: the number of sets must be a power of two'],
      withModel({ tlb: { entries: 1280, ways: 5 } }),
    ],
    [
      'a fraction of a TLB set',
      withModel({ tlb: { entries: 16, ways: 5 } }),
      ['cpus[1].tlb: 16 entries in 5 ways make 3.2 sets: the number of sets must be a power of two'],
      withModel({ tlb: { entries: 16, ways: 16 } }),
    ],
    [
      'more ways than entries',
      withModel({ tlb: { entries: 2, ways: 4 } }),
      ['cpus[1].tlb: 2 entries in 4 ways: expected 1 to 65536 entries, no more ways than entries'],
      withModel({ tlb: { entries: 1, ways: 1 } }),
    ],
    [
      'a walk cache without entries',
      withModel({ walkCache: { entries: 0 } }),
      ['cpus[1].walkCache.entries: 0 entries: expected 1 to 4096'],
      withModel({ walkCache: { entries: 1 } }),
    ],
    [
      'a store buffer without entries',
      withModel({ storeBuffer: { entries: 0.5 } }),
      ['cpus[1].storeBuffer.entries: 0.5 entries: expected 1 to 4096'],
      withModel({ storeBuffer: { entries: 1 } }),
    ],
    [
      'a MIDR in signed arithmetic',
      withModel({ midr: 0xc00fac30 | 0 }),
      [`cpus[1].midr: ${0xc00fac30 | 0}: MIDR_EL1 is a number of 32 bits`],
      withModel({ midr: 0xc00fac30 }),
    ],
    [
      'a MIDR without the architecture field',
      withModel({ midr: 0x4100d800 }),
      ['cpus[1].midr: 0x4100d800: MIDR_EL1.Architecture [19:16] must be 0xf, as on every part with ID registers'],
      withModel({ midr: 0x410fd800 }),
    ],
    [
      'a late boot CPU, a late CPU that is not there and one that is listed twice',
      { ...defaultBoard, lateCpus: [0, 8, 3, 3] },
      [
        'lateCpus[0]: CPU 0 boots the machine and cannot be late',
        'lateCpus[1]: there is no CPU 8: the board has CPUs 0 to 7',
        'lateCpus[3]: CPU 3 is listed twice',
      ],
      { ...defaultBoard, lateCpus: [7, 3] },
    ],
    [
      'a negative latency',
      { ...defaultBoard, interconnect: { dvmLatencyCycles: -1 } },
      ['interconnect.dvmLatencyCycles: -1: expected 0 to 1000000 cycles'],
      { ...defaultBoard, interconnect: { dvmLatencyCycles: 0 } },
    ],
  ];

  test.each(cases)('%s, and is silent on its neighbour', (_, bad, problems, good) => {
    expect(validateBoard(bad)).toEqual(problems);
    expect(validateBoard(good)).toEqual([]);
  });

  test('several problems at once, and equal CPUs only once', () => {
    const odd = { ...a520, tlb: { entries: 12, ways: 4 } };
    expect(validateBoard({ ...defaultBoard, name: '', cpus: [odd, odd, odd], lateCpus: [0] })).toHaveLength(3);
  });
});

describe('resizeBoard', () => {
  const resized = (board: Board, size: BoardSize): Board => {
    const result = resizeBoard(board, size);
    if (!result.ok) throw new Error(result.problems.join('\n'));
    return result.board;
  };
  const problems = (board: Board, size: BoardSize): readonly string[] => {
    const result = resizeBoard(board, size);
    return result.ok ? [] : result.problems;
  };
  const countOf = (board: Board, name: string): number => names(board).filter((one) => one === name).length;

  test('without a wish changes nothing', () => {
    for (const board of boardPresets.values()) expect(resized(board, {})).toEqual(board);
  });

  test('keeps the mix in proportion and in its order', () => {
    expect(names(resized(defaultBoard, { cpus: 4 }))).toEqual(['Cortex-X4 r0p3', ...Array(3).fill('Cortex-A520 r0p1')]);
    const large = resized(preset('ampereone-192-mixed'), { cpus: 48 });
    expect([countOf(large, 'AmpereOne r0p0'), countOf(large, 'Generic BBM level 0')]).toEqual([32, 16]);
    const alternating = names(resized(preset('x4-r0p2'), { cpus: 8 }));
    expect(alternating.map((name) => name.slice(-1)).join('')).toBe('33223322');
  });

  test('keeps one of every part while there is room', () => {
    expect(new Set(names(resized(preset('mobile-8'), { cpus: 3 }))).size).toBe(3);
    expect(names(resized(preset('mobile-8'), { cpus: 1 }))).toEqual(['Cortex-X4 r0p3']);
  });

  test('keeps late CPUs late', () => {
    expect(resized(preset('late-cpu'), { cpus: 2 })).toMatchObject({ lateCpus: [1] });
    const grown = resized(preset('late-cpu'), { cpus: 8 });
    expect(grown.lateCpus).toEqual([6, 7]);
    expect(grown.lateCpus.map((id) => names(grown)[id])).toEqual(Array(2).fill('Cortex-A520 r0p1'));
  });

  test('keeps CPU 0, every part and the proportion to within one CPU, whatever the number', () => {
    fc.assert(
      fc.property(fc.constantFrom(...boardPresets.values()), fc.integer({ min: 1, max: 512 }), (board, cpus) => {
        const other = resized(board, { cpus });
        expect(other.cpus).toHaveLength(cpus);
        expect(other.cpus[0]).toEqual(board.cpus[0]);
        const parts = new Set(names(board));
        if (cpus >= parts.size) expect(new Set(names(other))).toEqual(parts);
        if (cpus < board.cpus.length) return; // one of each may distort a small mix
        for (const part of parts) {
          expect(Math.abs(countOf(other, part) - (countOf(board, part) * cpus) / board.cpus.length)).toBeLessThan(1);
        }
      }),
    );
  });

  test('grows and shrinks memory at its end', () => {
    expect(resized(defaultBoard, { memoryBytes: 8 * GiB }).memory).toEqual([{ base: 0x4000_0000, bytes: 8 * GiB }]);
    const [low, high] = preset('two-bank').memory;
    expect(resized(preset('two-bank'), { memoryBytes: 5 * GiB }).memory).toEqual([low, { ...high, bytes: 3 * GiB }]);
    expect(resized(preset('two-bank'), { memoryBytes: GiB }).memory).toEqual([{ ...low, bytes: GiB }]);
  });

  test('keeps the VA size if the new granule has it, else takes 48', () => {
    const small = { ...defaultBoard, vaBits: 39 } as const;
    expect(resized(small, { granule: '64K' })).toMatchObject({ granule: '64K', vaBits: 48 });
    expect(resized(small, { granule: '4K' })).toMatchObject({ vaBits: 39 });
    expect(resized(defaultBoard, { granule: '64K', vaBits: 42 })).toMatchObject({ vaBits: 42 });
  });

  test.each<[string, BoardSize, string]>([
    ['no CPU', { cpus: 0 }, '0 CPUs: a board has 1 to 512'],
    ['1000 CPUs', { cpus: 1000 }, '1000 CPUs: a board has 1 to 512'],
    ['half a CPU', { cpus: 2.5 }, '2.5 CPUs: a board has 1 to 512'],
    ['a billion CPUs', { cpus: 1e9 }, '1000000000 CPUs: a board has 1 to 512'],
    ['no memory', { memoryBytes: 0 }, 'memory[0].bytes: 0: expected a size below 2^48'],
    ['odd memory', { memoryBytes: GiB + 1 }, 'memory[0].bytes: 1073741825 is not a multiple of the 4K page'],
    [
      'less memory than the kernel',
      { memoryBytes: 16 * MiB },
      'kernelImage: the image 0x40210000..0x42210000 is not within RAM (0x40000000..0x41000000)',
    ],
    [
      'more memory than the linear map holds',
      { memoryBytes: 512 * GiB, vaBits: 39 },
      'memory[0]: RAM reaches 512G from 0x40000000: the linear map of 39-bit virtual addresses holds 256G',
    ],
    [
      'a VA size that the granule lacks',
      { granule: '64K', vaBits: 39 },
      'vaBits: 39-bit virtual addresses with the 64K granule: Linux offers 42 or 48',
    ],
    ['an unknown granule', { granule: '8K' as '4K' }, 'granule: 8K: expected one of 4K, 16K, 64K'],
  ])('refuses %s in one line', (_, size, problem) => {
    expect(problems(defaultBoard, size)).toEqual([problem]);
  });
});

describe('drawBoard', () => {
  const drawn = (seed: number): Board => {
    let state = seed >>> 0;
    return drawBoard((bound) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * bound);
    });
  };
  const many = Array.from({ length: 2000 }, (_, seed) => drawn(seed * 7919));

  test('draws only boards that can be built, within its stated sizes', () => {
    for (const board of many) {
      expect(validateBoard(board), board.summary).toEqual([]);
      expect(board.cpus.length).toBeGreaterThanOrEqual(2);
      expect(board.cpus.length).toBeLessThanOrEqual(8);
      expect(memoryBytes(board)).toBeLessThanOrEqual(2 * GiB);
      expect(memoryBytes(board)).toBeGreaterThan(60 * MiB);
    }
  });

  test('holds for the extreme answers too', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.constantFrom(0, 1, 2, 1e9)), (answers) => {
        const board = drawBoard((bound) => Math.min(answers.next().value, bound - 1));
        expect(validateBoard(board)).toEqual([]);
      }),
    );
  });

  test('sooner or later draws every granule, VA size, part, a hole, a late CPU and both kinds of boot CPU', () => {
    const seen = (what: (board: Board) => string[]) => new Set(many.flatMap(what)).size;
    expect(seen((board) => [board.granule + board.vaBits])).toBe(Object.values(vaBitsByGranule).flat().length);
    expect(seen(names)).toBe(cpuModelNames.length);
    expect(seen((board) => [`${board.memory.length}`])).toBe(2);
    expect(seen((board) => [`${board.lateCpus.length}`])).toBe(2);
    expect(seen((board) => [board.cpus[0]!.conflicts])).toBe(5);
    const mixed = many.filter(({ cpus }) => new Set(cpus.map((cpu) => cpu.conflicts)).size > 1);
    expect(mixed.length).toBeGreaterThan(many.length / 2);
  });

  test('draws the same board from the same answers', () => {
    expect(drawn(42)).toEqual(drawn(42));
    expect(drawn(42)).not.toEqual(drawn(43));
  });
});

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
