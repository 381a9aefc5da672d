import { formatSize } from '../../arch/address.ts';
import { IMAGE_FRAMES } from '../memory/layout.ts';
import {
  type Board,
  type BoardResult,
  type CpuModel,
  formatAddress,
  formatRange,
  granuleBytes,
  granules,
  type KernelImage,
  kernelImageEnd,
  linearMapBytes,
  type MemoryBank,
  MiB,
  maxCpus,
  memoryBytes,
  memstartAddr,
  vaBitsByGranule,
} from './board.ts';

/** What is wrong with a board, and where in it: `path` leads to the offending value. */
export interface BoardProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Path = BoardProblem['path'];

/** The problems of a board in words, `cpus[3].tlb: ...`; none if it can be built. */
export function validateBoard(board: Board): string[] {
  return boardProblems(board).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

/** The same board as a result. */
export function checkedBoard(board: Board): BoardResult {
  const problems = validateBoard(board);
  return problems.length === 0 ? { ok: true, board } : { ok: false, problems };
}

/** memory[1].base */
export function formatPath(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}

export function boardProblems(board: Board): BoardProblem[] {
  const problems: BoardProblem[] = [];
  if (board.name.trim() === '') problems.push({ path: ['name'], message: 'a board needs a name' });
  problems.push(...translationProblems(board), ...cpuProblems(board));
  const { dvmLatencyCycles } = board.interconnect;
  if (!isCount(dvmLatencyCycles, 0, 1_000_000)) {
    problems.push({
      path: ['interconnect', 'dvmLatencyCycles'],
      message: `${dvmLatencyCycles}: expected 0 to 1000000 cycles`,
    });
  }
  // Alignment and reach mean nothing while the granule is unknown.
  if (granules.includes(board.granule)) problems.push(...memoryProblems(board));
  return problems;
}

/** The problems of one part, with paths that start at the part. */
export function cpuModelProblems(model: CpuModel): BoardProblem[] {
  const problems: BoardProblem[] = [];
  const { midr, tlb } = model;
  if (!isCount(midr, 1, 0xffff_ffff)) {
    problems.push({ path: ['midr'], message: `${midr}: MIDR_EL1 is a number of 32 bits` });
  } else if (((midr >>> 16) & 0xf) !== 0xf) {
    problems.push({
      path: ['midr'],
      message: `${formatAddress(midr)}: MIDR_EL1.Architecture [19:16] must be 0xf, as on every part with ID registers`,
    });
  }
  const sets = tlb.entries / tlb.ways;
  if (!isCount(tlb.entries, 1, 65536) || !isCount(tlb.ways, 1, tlb.entries)) {
    problems.push({
      path: ['tlb'],
      message: `${tlb.entries} entries in ${tlb.ways} ways: expected 1 to 65536 entries, no more ways than entries`,
    });
  } else if (!Number.isInteger(sets) || !isPowerOfTwo(sets)) {
    problems.push({
      path: ['tlb'],
      message: `${tlb.entries} entries in ${tlb.ways} ways make ${Number(sets.toFixed(2))} sets: the number of sets must be a power of two`,
    });
  }
  for (const part of ['walkCache', 'storeBuffer'] as const) {
    const { entries } = model[part];
    if (!isCount(entries, 1, 4096)) {
      problems.push({ path: [part, 'entries'], message: `${entries} entries: expected 1 to 4096` });
    }
  }
  return problems;
}

function translationProblems(board: Board): BoardProblem[] {
  if (!granules.includes(board.granule)) {
    return [{ path: ['granule'], message: `${board.granule}: expected one of ${granules.join(', ')}` }];
  }
  const offered: readonly number[] = vaBitsByGranule[board.granule];
  if (offered.includes(board.vaBits)) return [];
  return [
    {
      path: ['vaBits'],
      message: `${board.vaBits}-bit virtual addresses with the ${board.granule} granule: Linux offers ${offered.join(' or ')}`,
    },
  ];
}

function cpuProblems(board: Board): BoardProblem[] {
  const problems: BoardProblem[] = [];
  const count = board.cpus.length;
  if (!isCount(count, 1, maxCpus)) problems.push({ path: ['cpus'], message: cpuCountMessage(count) });
  firstOfEachModel(board).forEach((id) => {
    problems.push(
      ...cpuModelProblems(board.cpus[id]!).map(({ path, message }) => ({ path: ['cpus', id, ...path], message })),
    );
  });
  board.lateCpus.forEach((id, i) => {
    const path = ['lateCpus', i];
    if (!isCount(id, 0, count - 1)) {
      problems.push({ path, message: `there is no CPU ${id}: the board has CPUs 0 to ${count - 1}` });
    } else if (id === 0) {
      problems.push({ path, message: 'CPU 0 boots the machine and cannot be late' });
    } else if (board.lateCpus.indexOf(id) !== i) {
      problems.push({ path, message: `CPU ${id} is listed twice` });
    }
  });
  return problems;
}

export const cpuCountMessage = (count: number): string => `${count} CPUs: a board has 1 to ${maxCpus}`;

function memoryProblems(board: Board): BoardProblem[] {
  const { memory, granule } = board;
  if (memory.length === 0) return [{ path: ['memory'], message: 'a board needs at least one range of RAM' }];
  const ranges = memory.flatMap((bank, i) => bankProblems(bank, memory[i - 1], granuleBytes(granule), i));
  // Reach and the kernel's place can only be judged once the ranges make sense.
  return ranges.length > 0 ? ranges : [...reachProblems(board), ...kernelImageProblems(board)];
}

function bankProblems(bank: MemoryBank, before: MemoryBank | undefined, page: number, i: number): BoardProblem[] {
  const problems: BoardProblem[] = [];
  for (const part of ['base', 'bytes'] as const) {
    const value = bank[part];
    const path = ['memory', i, part];
    if (!isCount(value, part === 'bytes' ? 1 : 0, 2 ** 48)) {
      problems.push({ path, message: `${value}: expected ${part === 'bytes' ? 'a size' : 'an address'} below 2^48` });
    } else if (value % page !== 0) {
      const shown = part === 'bytes' ? formatSize(value) : formatAddress(value);
      problems.push({ path, message: `${shown} is not a multiple of the ${formatSize(page)} page` });
    }
  }
  if (before !== undefined && bank.base < before.base + before.bytes) {
    const [mine, other] = [bank, before].map(({ base, bytes }) => formatRange(base, base + bytes));
    const what = bank.base < before.base ? 'comes after' : 'overlaps';
    problems.push({
      path: ['memory', i, 'base'],
      message: `${mine} ${what} ${other}: RAM ranges must be sorted and disjoint`,
    });
  }
  return problems;
}

function reachProblems(board: Board): BoardProblem[] {
  const problems: BoardProblem[] = [];
  const last = board.memory.length - 1;
  const end = board.memory[last]!.base + board.memory[last]!.bytes;
  const span = end - memstartAddr(board);
  const room = linearMapBytes(board.vaBits);
  if (span > room) {
    problems.push({
      path: ['memory', last],
      message: `RAM reaches ${formatSize(span)} from ${formatAddress(memstartAddr(board))}: the linear map of ${board.vaBits}-bit virtual addresses holds ${formatSize(room)}`,
    });
  }
  const short = firstOfEachModel(board).find((id) => end > 2 ** board.cpus[id]!.features.paBits);
  if (short !== undefined) {
    const { name, features } = board.cpus[short]!;
    problems.push({
      path: ['memory', last],
      message: `RAM ends at ${formatAddress(end)}: CPU ${short} (${name}) has ${features.paBits}-bit physical addresses`,
    });
  }
  return problems;
}

/** RAM that the kernel image must leave for page tables and everything else. */
const minFreeBytes = (page: number): number => Math.max(2 * MiB, 80 * page);

function kernelImageProblems(board: Board): BoardProblem[] {
  const { kernelImage } = board;
  const page = granuleBytes(board.granule);
  const odd = (Object.keys(kernelImage) as (keyof KernelImage)[]).filter(
    (part) => !isCount(kernelImage[part], part === 'pa' ? 0 : page, 2 ** 48) || kernelImage[part] % page !== 0,
  );
  if (odd.length > 0) {
    return odd.map((part) => ({
      path: ['kernelImage', part],
      message: `${part === 'pa' ? formatAddress(kernelImage.pa) : formatSize(kernelImage[part])} is not a multiple of the ${formatSize(page)} page`,
    }));
  }
  const end = kernelImageEnd(kernelImage);
  if (!board.memory.some(({ base, bytes }) => kernelImage.pa >= base && end <= base + bytes)) {
    const ram = board.memory.map(({ base, bytes }) => formatRange(base, base + bytes)).join(', ');
    return [
      { path: ['kernelImage'], message: `the image ${formatRange(kernelImage.pa, end)} is not within RAM (${ram})` },
    ];
  }
  if (kernelImage.dataBytes < IMAGE_FRAMES * page) {
    return [
      {
        path: ['kernelImage', 'dataBytes'],
        message: `${formatSize(kernelImage.dataBytes)} of data: root tables and variables need ${IMAGE_FRAMES} pages, ${formatSize(IMAGE_FRAMES * page)}`,
      },
    ];
  }
  const free = memoryBytes(board) - (end - kernelImage.pa);
  if (free >= minFreeBytes(page)) return [];
  return [
    {
      path: ['memory'],
      message: `the kernel image leaves ${formatSize(free)} of RAM: at least ${formatSize(minFreeBytes(page))} is needed`,
    },
  ];
}

/** The lowest CPU of every distinct part, so that 192 equal CPUs have a fault once. */
function firstOfEachModel(board: Board): number[] {
  const seen = new Map<CpuModel, number>();
  board.cpus.forEach((model, id) => {
    if (!seen.has(model)) seen.set(model, id);
  });
  return [...seen.values()];
}

const isCount = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));
