import { type Board, type CpuModel, granules, KiB, kernelImageAt, MiB, vaBitsByGranule } from './board.ts';
import { cpuModel, cpuModelNames } from './cpu-models.ts';

/** Answers with a number in [0, bound). */
export type Draw = (bound: number) => number;

const ramBases = [0x4000_0000, 0x8000_0000, 0x8_0000_0000] as const;

/**
 * A random plausible board for soak tests: 2 to 8 CPUs of 1 to 3 parts, 64 MiB to 2 GiB. Half of the boards boot on a
 * CPU that never aborts, because a repaint needs one. Always valid.
 */
export function drawBoard(draw: Draw): Board {
  const pick = <T>(choices: readonly T[]): T => choices[draw(choices.length)]!;
  const granule = pick(granules);
  const vaBits = pick(vaBitsByGranule[granule]);
  const base = pick(ramBases);
  const cpus = drawCpus(draw);
  const last = cpus.length - 1;
  const memory = drawMemory(draw, base, vaBits);
  const megabytes = memory.reduce((sum, bank) => sum + bank.bytes, 0) / MiB;
  return {
    name: 'drawn',
    summary: `${cpus.map((cpu) => cpu.name).join(', ')}; ${megabytes} MiB, ${granule}, ${vaBits}-bit`,
    granule,
    vaBits,
    memory,
    kernelImage: kernelImageAt(base),
    cpus,
    interconnect: { dvmLatencyCycles: pick([0, 10, 100, 1000]) },
    lateCpus: last > 1 && draw(4) === 0 ? [last] : [],
  };
}

function drawCpus(draw: Draw): CpuModel[] {
  const pick = (choices: readonly CpuModel[]) => choices[draw(choices.length)]!;
  const all = cpuModelNames.map((name) => cpuModel(name)!);
  const neverAborts = all.filter(({ conflicts }) => conflicts === 'level2-noabort' || conflicts === 'level3');
  const cramp = draw(2) === 0;
  const parts = Array.from({ length: 1 + draw(3) }, () => pick(all)).map((part) =>
    cramp ? cramped(draw, part) : part,
  );
  const boot = pick(draw(2) === 0 ? neverAborts : all);
  return [cramp ? cramped(draw, boot) : boot, ...Array.from({ length: 1 + draw(7) }, () => pick(parts))];
}

/** Small buffers: eviction and overflow all the time. */
const cramped = (draw: Draw, part: CpuModel): CpuModel => ({
  ...part,
  tlb: { entries: 8 << draw(4), ways: 1 << draw(4) },
  walkCache: { entries: 1 + draw(16) },
  storeBuffer: { entries: 1 + draw(8) },
});

/** The end is ragged by up to 2 MiB in steps of 64 KiB, so that the last block, contiguous run and page all occur. */
function drawMemory(draw: Draw, base: number, vaBits: number): Board['memory'] {
  const bytes = 64 * MiB * 2 ** draw(6);
  const ragged = bytes - draw(32) * 64 * KiB;
  // A 36-bit linear map holds 32 GiB; the hole stays well inside.
  const holeBytes = (vaBits < 42 ? 1 : 1 + draw(64)) * 256 * MiB;
  if (bytes < 256 * MiB || draw(3) > 0) return [{ base, bytes: ragged }];
  return [
    { base, bytes: bytes / 2 },
    { base: base + bytes / 2 + holeBytes, bytes: ragged - bytes / 2 },
  ];
}
