import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Board, GiB, MiB, memoryBytes, vaBitsByGranule } from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { drawBoard } from '../../../src/hardware/board/board-draw.ts';
import { cpuModelNames } from '../../../src/hardware/board/cpu-models.ts';

const names = (board: Board): string[] => board.cpus.map((cpu) => cpu.name);

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
