import { formatSize } from '../../arch/address.ts';
import {
  type Board,
  type CpuModel,
  formatRange,
  kernelAliasEnd,
  kernelImageEnd,
  linearMapBytes,
  memoryBytes,
} from './board.ts';

/** What `asymmu boards NAME` prints, line by line. What Linux makes of these CPUs is not said here: ask kernel/. */
export function describeBoard(board: Board): string[] {
  const { kernelImage: image, memory } = board;
  return [
    `${board.name}: ${board.summary}`,
    `  translation   ${board.granule} granule, ${board.vaBits}-bit virtual addresses (linear map: up to ${formatSize(linearMapBytes(board.vaBits))})`,
    `  memory        ${formatSize(memoryBytes(board))}: ${memory.map(({ base, bytes }) => formatRange(base, base + bytes)).join(', ')}`,
    `  kernel image  ${formatRange(image.pa, kernelImageEnd(image))}, read-only alias to 0x${kernelAliasEnd(image).toString(16)}`,
    `  interconnect  a broadcast TLBI takes about ${board.interconnect.dvmLatencyCycles} cycles to arrive`,
    `  CPUs          ${board.cpus.length}${board.lateCpus.length > 0 ? `, late: ${formatIds(board.lateCpus)}` : ''}`,
    ...[...cpusByModel(board)].flatMap(([model, ids]) => describeModel(model, ids)),
  ];
}

function describeModel(model: CpuModel, ids: readonly number[]): string[] {
  const { features, tlb } = model;
  const flags = (['tlbiRange', 'ttl', 'cnp', 'e0pd', 'hpds', 'pan', 'lpa'] as const).filter((flag) => features[flag]);
  return [
    `    ${formatIds(ids)}  ${model.name}  MIDR_EL1 0x${model.midr.toString(16).padStart(8, '0')}`,
    `      conflicts   ${model.conflicts} (ID_AA64MMFR2_EL1.BBM reads ${model.bbm}${registerRemark(model)})`,
    `      TLB         ${tlb.entries} entries, ${tlb.ways} ways; walk cache ${model.walkCache.entries}; store buffer ${model.storeBuffer.entries}`,
    `      features    ${[...flags, `HAFDBS ${features.hafdbs}`, `${features.paBits}-bit PA`].join(', ')}`,
    ...(model.errata.length > 0 ? [`      errata      ${model.errata.join(', ')}`] : []),
  ];
}

/** The register and the silicon need not agree: AmpereOne says less than it does, a part with an erratum says more. */
function registerRemark({ bbm, conflicts }: CpuModel): string {
  const level = Number(conflicts.charAt('level'.length));
  if (bbm < level) return ': it does more than it says';
  return bbm > level ? ': it says more than it does' : '';
}

function cpusByModel(board: Board): Map<CpuModel, number[]> {
  const groups = new Map<CpuModel, number[]>();
  board.cpus.forEach((model, id) => {
    const ids = groups.get(model) ?? [];
    ids.push(id);
    groups.set(model, ids);
  });
  return groups;
}

/** 0-3,7 */
function formatIds(ids: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return `cpu${runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',')}`;
}
