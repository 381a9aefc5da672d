import { describe, expect, test } from 'vitest';
import { type Board, GiB, kernelImageAt, MiB, TiB } from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';

const preset = (name: string): Board => boardPresets.get(name)!;
const a520 = cpuModels['cortex-a520'];

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
