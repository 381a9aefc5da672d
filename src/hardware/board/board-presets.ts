import { type Board, type CpuModel, GiB, type KernelImage, KiB, kernelImageAt, MiB } from './board.ts';
import { cpuModels } from './cpu-models.ts';

/** The boards that come with asymmu. All of them are hypothetical machines made of known and of generic parts. */

const ramBase = 0x4000_0000;
const oneBank = (bytes: number) => [{ base: ramBase, bytes }];

const times = (count: number, model: CpuModel): CpuModel[] => Array.from({ length: count }, () => model);

/** What a preset leaves out. */
const usual = {
  granule: '4K',
  vaBits: 48,
  memory: oneBank(4 * GiB),
  kernelImage: kernelImageAt(ramBase),
  interconnect: { dvmLatencyCycles: 100 }, // assumed: no vendor publishes it
  lateCpus: [],
} as const;

const x4 = cpuModels['cortex-x4-r0p3'];
const a520 = cpuModels['cortex-a520'];
const asymmetric = [...times(2, x4), ...times(6, a520)];

/** Fits one 2 MiB block, so that a whole repaint touches few tables. */
const smallKernelImage: KernelImage = {
  pa: ramBase + 0x21_0000,
  textBytes: 1 * MiB,
  rodataBytes: 512 * KiB,
  initBytes: 128 * KiB,
  dataBytes: 128 * KiB,
};

/** The same part with buffers so small that eviction and overflow happen all the time. */
export const cramped = (model: CpuModel): CpuModel => ({
  ...model,
  tlb: { entries: 16, ways: 4 },
  walkCache: { entries: 8 },
  storeBuffer: { entries: 4 },
});

const presets: readonly Board[] = [
  {
    ...usual,
    name: 'asymmetric-8',
    summary: 'two CPUs with BBML2 and no abort, six without: the machine that the repaint exists for',
    cpus: asymmetric,
  },
  {
    ...usual,
    name: 'symmetric-8',
    summary: 'eight CPUs with BBML2 and no abort: large blocks stay',
    cpus: times(8, x4),
  },
  {
    ...usual,
    name: 'plain-8',
    summary: 'eight CPUs without BBML2: pages from the start',
    cpus: times(8, a520),
  },
  {
    ...usual,
    name: 'little-boot-8',
    summary: 'the boot CPU lacks what two others have: pages from the start, and nothing to repaint',
    cpus: [...times(6, a520), ...times(2, x4)],
  },
  {
    ...usual,
    name: 'mobile-8',
    summary: 'one big, five middle and two little CPUs, as in a telephone',
    cpus: [x4, ...times(5, cpuModels['cortex-a720']), ...times(2, a520)],
  },
  {
    ...usual,
    name: 'x4-r0p2',
    summary: 'one part in two revisions, on either side of the allow list, alternating',
    cpus: [x4, cpuModels['cortex-x4-r0p2'], x4, cpuModels['cortex-x4-r0p2']],
  },
  {
    ...usual,
    name: 'c1-ultra-r1p0',
    summary: 'everything qualifies but the last CPU, which live-locks when break-before-make is skipped',
    cpus: [...times(4, cpuModels['c1-pro']), ...times(3, cpuModels['c1-premium-r1p1']), cpuModels['c1-ultra-r1p0']],
  },
  {
    ...usual,
    name: 'ampereone-192',
    summary: '192 AmpereOne CPUs and 256 GiB; their ID register hides what they can do',
    memory: oneBank(256 * GiB),
    interconnect: { dvmLatencyCycles: 400 },
    cpus: times(192, cpuModels.ampereone),
  },
  {
    ...usual,
    name: 'ampereone-192-mixed',
    summary: '128 AmpereOne CPUs and 64 without BBML2, 256 GiB: the largest repaint',
    memory: oneBank(256 * GiB),
    interconnect: { dvmLatencyCycles: 400 },
    cpus: [...times(128, cpuModels.ampereone), ...times(64, cpuModels['generic-bbml0'])],
  },
  {
    ...usual,
    name: 'olympus-88',
    summary: '88 NVIDIA Olympus CPUs and 128 GiB, 64K granule',
    granule: '64K',
    memory: oneBank(128 * GiB),
    interconnect: { dvmLatencyCycles: 300 },
    cpus: times(88, cpuModels['olympus-r0p0']),
  },
  {
    ...usual,
    name: 'asymmetric-16k',
    summary: 'asymmetric-8 with the 16K granule: no 1 GiB blocks, contiguous runs of 128 and 32',
    granule: '16K',
    cpus: asymmetric,
  },
  {
    ...usual,
    name: 'asymmetric-64k',
    summary: 'asymmetric-8 with the 64K granule: 512 MiB blocks, contiguous runs of 32',
    granule: '64K',
    cpus: asymmetric,
  },
  {
    ...usual,
    name: 'tiny-2',
    summary: 'one CPU of each kind, 64 MiB, a small kernel and tiny TLBs: small enough to search exhaustively',
    memory: oneBank(64 * MiB),
    kernelImage: smallKernelImage,
    interconnect: { dvmLatencyCycles: 10 },
    cpus: [cramped(x4), cramped(a520)],
  },
  {
    ...usual,
    name: 'one-block',
    summary: 'one CPU of each kind, a tiny kernel and one 2M block: what the explorer searches to the end',
    memory: [
      { base: ramBase, bytes: 108 * KiB },
      { base: ramBase + 2 * MiB, bytes: 2 * MiB },
    ],
    kernelImage: { pa: ramBase, textBytes: 4 * KiB, rodataBytes: 4 * KiB, initBytes: 4 * KiB, dataBytes: 96 * KiB },
    interconnect: { dvmLatencyCycles: 10 },
    cpus: [cramped(x4), cramped(a520)],
  },
  {
    ...usual,
    name: 'late-cpu',
    summary: 'three CPUs qualify; the fourth does not, and comes only after the decision',
    cpus: [...times(3, x4), a520],
    lateCpus: [3],
  },
  {
    ...usual,
    name: 'level1',
    summary: 'half of the CPUs relax the contiguous bit only',
    cpus: [...times(2, x4), ...times(2, cpuModels['generic-bbml1'])],
  },
  {
    ...usual,
    name: 'bbml3-4',
    summary: 'four CPUs that no allow list knows and whose ID register says level 3',
    cpus: times(4, cpuModels['generic-bbml3']),
  },
  {
    ...usual,
    name: 'two-bank',
    summary: 'asymmetric-8 with RAM in two banks and 31 GiB of nothing between them',
    memory: [
      { base: ramBase, bytes: 2 * GiB },
      { base: 0x8_8000_0000, bytes: 2 * GiB },
    ],
    cpus: asymmetric,
  },
];

export const boardPresets: ReadonlyMap<string, Board> = new Map(presets.map((board) => [board.name, board]));

/** The board that is taken when nobody asks for one. */
export const defaultBoard: Board = boardPresets.get('asymmetric-8')!;
