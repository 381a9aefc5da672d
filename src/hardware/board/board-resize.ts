import {
  type Board,
  type BoardResult,
  type CpuModel,
  type Granule,
  granules,
  type MemoryBank,
  maxCpus,
  type VaBits,
  vaBitsByGranule,
} from './board.ts';
import { checkedBoard, cpuCountMessage } from './board-check.ts';

/** `--cpus N --memory SIZE --granule G --va-bits B`. */
export interface BoardSize {
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly granule?: Granule | undefined;
  readonly vaBits?: VaBits | undefined;
}

/**
 * The board in another size. CPU 0 stays, the mix of parts stays in proportion, and every part (and every late CPU) keeps
 * at least one as long as there is room. Memory grows and shrinks at its end.
 */
export function resizeBoard(board: Board, size: BoardSize): BoardResult {
  const { cpus = board.cpus.length, memoryBytes, granule = board.granule } = size;
  // Building the list would be the mistake: 10^9 CPUs do not fit in this machine either.
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > maxCpus) return { ok: false, problems: [cpuCountMessage(cpus)] };
  return checkedBoard({
    ...board,
    ...resizeCpus(board, cpus),
    granule,
    vaBits: size.vaBits ?? vaBitsFor(granule, board.vaBits),
    memory: memoryBytes === undefined ? board.memory : resizeMemory(board.memory, memoryBytes),
  });
}

/** The board in another size that it is known to have. @throws RangeError with what is wrong, where it has not. */
export function resizedBoard(board: Board, size: BoardSize): Board {
  const resized = resizeBoard(board, size);
  if (!resized.ok) throw new RangeError(resized.problems.join('; '));
  return resized.board;
}

/** The wish if the granule has it, else 48, which every granule has. An unknown granule is left for the check. */
function vaBitsFor(granule: Granule, wish: VaBits): VaBits {
  const offered: readonly VaBits[] = granules.includes(granule) ? vaBitsByGranule[granule] : [wish];
  return offered.includes(wish) ? wish : 48;
}

interface Group {
  readonly ids: number[]; // of the old board, ascending
  readonly model: CpuModel;
  readonly late: boolean;
}

function resizeCpus(board: Board, count: number): Pick<Board, 'cpus' | 'lateCpus'> {
  if (count === board.cpus.length) return board;
  const groups = groupCpus(board);
  const shares = apportion(
    groups.map((group) => group.ids.length),
    count,
  );
  // Each new CPU takes a place between the old ones, so that blocks stay blocks and alternation stays alternation.
  const placed = groups.flatMap((group, g) =>
    Array.from({ length: shares[g]! }, (_, k) => {
      const at = (k * group.ids.length) / shares[g]!;
      return { group, place: group.ids[Math.floor(at)]! + (at % 1) };
    }),
  );
  placed.sort((a, b) => a.place - b.place);
  return {
    cpus: placed.map(({ group }) => group.model),
    lateCpus: placed.flatMap(({ group }, id) => (group.late ? [id] : [])),
  };
}

/** CPUs that are alike, in the order of their first appearance: CPU 0 is always the first of the first group. */
function groupCpus(board: Board): Group[] {
  const groups = new Map<string, Group>();
  board.cpus.forEach((model, id) => {
    const late = board.lateCpus.includes(id);
    const key = `${late} ${JSON.stringify(model)}`;
    const group = groups.get(key) ?? { ids: [], model, late };
    group.ids.push(id);
    groups.set(key, group);
  });
  return [...groups.values()];
}

/** Splits `seats` in proportion to `weights`: one each while they last, then whoever is furthest below its share. */
function apportion(weights: readonly number[], seats: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((_, i) => (i < seats ? 1 : 0));
  for (let left = seats - weights.length; left > 0; left--) {
    const lack = weights.map((weight, i) => (weight * seats) / total - shares[i]!);
    shares[lack.indexOf(Math.max(...lack))]! += 1;
  }
  return shares;
}

function resizeMemory(memory: readonly MemoryBank[], bytes: number): MemoryBank[] {
  const resized: MemoryBank[] = [];
  let left = bytes;
  for (const [i, bank] of memory.entries()) {
    const take = i === memory.length - 1 ? left : Math.min(left, bank.bytes);
    if (take <= 0 && i > 0) break;
    resized.push({ base: bank.base, bytes: take });
    left -= take;
  }
  return resized;
}
