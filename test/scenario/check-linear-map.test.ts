import { describe, expect, test } from 'vitest';
import { RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../../src/arch/permission.ts';
import { type Board, granules } from '../../src/hardware/board/board.ts';
import { boardPresets, defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { LEAVES_CHECKED } from '../../src/hardware/counters.ts';
import { wordOf } from '../../src/hardware/memory/memory.ts';
import { createMachine } from '../../src/hardware/system.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import { PTE_ADDRESS } from '../../src/kernel/tables/pgtable-prot.ts';
import { localFlushTlbAll } from '../../src/kernel/tables/tlbflush.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { checkLinearMap, pieces } from '../../src/scenario/check-linear-map.ts';
import { moduleArea } from '../../src/scenario/places.ts';
import { bootAll, runToEnd } from '../kernel/interleaved.ts';

function kernelOn(board: Board): Kernel {
  const { layout } = createMachine(board, { poolFrames: 1 });
  return createKernel(board, layout, DEFAULT_CONFIG, kernelText('6.18'));
}

/** Pages of all CPUs' pieces, as [first, last), in order; they must not overlap. */
function covered(k: Kernel): [number, number][] {
  const { pageBytes } = k.space.granule;
  const all = k.board.cpus
    .flatMap((_, id) => pieces(k, { id }))
    .map(({ pa, pages }): [number, number] => [pa, pa + pages * pageBytes])
    .sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of all) {
    const last = joined.at(-1);
    if (last !== undefined && from < last[1]) throw new Error('two pieces overlap');
    if (last?.[1] === from) last[1] = to;
    else joined.push([from, to]);
  }
  return joined;
}

describe('the pieces of the check', () => {
  test.each([...boardPresets.keys()])('are all of RAM, each page once for each CPU or once for all: %s', (name) => {
    const board = boardPresets.get(name)!;
    const k = kernelOn(board);
    const ram = board.memory.map(({ base, bytes }) => [base, base + bytes]);
    const alone = kernelOn({ ...board, cpus: board.cpus.slice(0, 1), lateCpus: [] });
    expect(covered(alone)).toEqual(ram);
    const pages = ram.reduce((sum, [from, to]) => sum + (to! - from!) / k.space.granule.pageBytes, 0);
    if (pages * board.cpus.length > 64 * 2 ** 20) expect(covered(k)).toEqual(ram);
    else for (const id of board.cpus.keys()) expect(pieces(k, { id })).toEqual(pieces(k, { id: 0 }));
  });

  test('ask for write access but where somebody may have made it read-only', () => {
    const k = kernelOn(defaultBoard);
    const area = moduleArea(k);
    const readOnly = pieces(k, { id: 0 }).filter(({ right }) => right === RIGHT_EL1_READ);
    expect(readOnly.map(({ pa }) => pa)).toEqual([k.space.text, area.pa]);
    expect(readOnly.map(({ pages }) => pages * 4096)).toEqual([k.space.initBegin - k.space.text, area.pages * 4096]);
    expect(pieces(k, { id: 0 }).every(({ right }) => right === RIGHT_EL1_READ || right === RIGHT_EL1_WRITE)).toBe(true);
  });
});

describe.each(granules)('the check itself, %s granule', (granule) => {
  const board = resizedBoard(defaultBoard, { cpus: 2, memoryBytes: 2 ** 28, granule });

  test('reads every page once and finds nothing on a map that is as it should be', () => {
    const { cpus, kernels, violations } = bootAll(board);
    runToEnd(checkLinearMap(cpus[1]!, kernels[1]!));
    expect(violations).toEqual([]);
    expect(cpus[1]!.counts[LEAVES_CHECKED]).toBe(2 ** 28 / kernels[1]!.space.granule.pageBytes);
  });

  test('finds pages that go elsewhere', () => {
    const { cpus, kernels, violations, machine } = bootAll(board);
    const { space, symbols } = kernels[1]!;
    const { words } = machine.memory;
    // Many pages: one odd member of a contiguous run may never be looked at.
    const from = physToVirt(space, board.memory[0]!.base + 2 ** 26);
    const leaves = new Set<number>();
    for (let va = from; va < from + 2 ** 26; va += space.granule.pageBytes) {
      let table = symbols.swapperPgDir;
      for (let level = space.startLevel as number; ; level++) {
        const word = wordOf(machine.memory, entryOffset(space, level, table, va));
        if (level === 3 || (words[word]! & 3n) === 1n) {
          leaves.add(word);
          break;
        }
        table = Number(words[word]! & PTE_ADDRESS);
      }
    }
    for (const leaf of leaves) words[leaf]! ^= 1n << 33n;
    runToEnd(localFlushTlbAll(cpus[1]!));
    runToEnd(checkLinearMap(cpus[1]!, kernels[1]!));
    expect(violations[0]).toMatchObject({ property: 'linear-map', cpu: 1 });
    expect(violations[0]!.message).toMatch(/^0xffff[0-9a-f]+ should go to 0x[0-9a-f]+, but goes to 0x[0-9a-f]+$/);
  });
});
