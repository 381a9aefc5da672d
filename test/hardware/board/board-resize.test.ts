import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Board, GiB, MiB } from '../../../src/hardware/board/board.ts';
import { boardPresets, defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { type BoardSize, resizeBoard, resizedBoard } from '../../../src/hardware/board/board-resize.ts';

const preset = (name: string): Board => boardPresets.get(name)!;
const names = (board: Board): string[] => board.cpus.map((cpu) => cpu.name);

describe('resizeBoard', () => {
  const problems = (board: Board, size: BoardSize): readonly string[] => {
    const result = resizeBoard(board, size);
    return result.ok ? [] : result.problems;
  };
  const countOf = (board: Board, name: string): number => names(board).filter((one) => one === name).length;

  test('without a wish changes nothing', () => {
    for (const board of boardPresets.values()) expect(resizedBoard(board, {})).toEqual(board);
  });

  test('of a size that no board has throws what is wrong with it', () => {
    expect(() => resizedBoard(defaultBoard, { cpus: 1000 })).toThrow(problems(defaultBoard, { cpus: 1000 })[0]);
    expect(() => resizedBoard(defaultBoard, { cpus: 1000 })).toThrow(RangeError);
  });

  test('keeps the mix in proportion and in its order', () => {
    expect(names(resizedBoard(defaultBoard, { cpus: 4 }))).toEqual([
      'Cortex-X4 r0p3',
      ...Array(3).fill('Cortex-A520 r0p1'),
    ]);
    const large = resizedBoard(preset('ampereone-192-mixed'), { cpus: 48 });
    expect([countOf(large, 'AmpereOne r0p0'), countOf(large, 'Generic BBM level 0')]).toEqual([32, 16]);
    const alternating = names(resizedBoard(preset('x4-r0p2'), { cpus: 8 }));
    expect(alternating.map((name) => name.slice(-1)).join('')).toBe('33223322');
  });

  test('keeps one of every part while there is room', () => {
    expect(new Set(names(resizedBoard(preset('mobile-8'), { cpus: 3 }))).size).toBe(3);
    expect(names(resizedBoard(preset('mobile-8'), { cpus: 1 }))).toEqual(['Cortex-X4 r0p3']);
  });

  test('keeps late CPUs late', () => {
    expect(resizedBoard(preset('late-cpu'), { cpus: 2 })).toMatchObject({ lateCpus: [1] });
    const grown = resizedBoard(preset('late-cpu'), { cpus: 8 });
    expect(grown.lateCpus).toEqual([6, 7]);
    expect(grown.lateCpus.map((id) => names(grown)[id])).toEqual(Array(2).fill('Cortex-A520 r0p1'));
  });

  test('keeps CPU 0, every part and the proportion to within one CPU, whatever the number', () => {
    fc.assert(
      fc.property(fc.constantFrom(...boardPresets.values()), fc.integer({ min: 1, max: 512 }), (board, cpus) => {
        const other = resizedBoard(board, { cpus });
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
    expect(resizedBoard(defaultBoard, { memoryBytes: 8 * GiB }).memory).toEqual([
      { base: 0x4000_0000, bytes: 8 * GiB },
    ]);
    const [low, high] = preset('two-bank').memory;
    expect(resizedBoard(preset('two-bank'), { memoryBytes: 5 * GiB }).memory).toEqual([
      low,
      { ...high, bytes: 3 * GiB },
    ]);
    expect(resizedBoard(preset('two-bank'), { memoryBytes: GiB }).memory).toEqual([{ ...low, bytes: GiB }]);
  });

  test('keeps the VA size if the new granule has it, else takes 48', () => {
    const small = { ...defaultBoard, vaBits: 39 } as const;
    expect(resizedBoard(small, { granule: '64K' })).toMatchObject({ granule: '64K', vaBits: 48 });
    expect(resizedBoard(small, { granule: '4K' })).toMatchObject({ vaBits: 39 });
    expect(resizedBoard(defaultBoard, { granule: '64K', vaBits: 42 })).toMatchObject({ vaBits: 42 });
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
