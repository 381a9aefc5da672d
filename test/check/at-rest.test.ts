import { describe, expect, test } from 'vitest';
import { leak } from '../../src/check/lifetime/leak.ts';
import { contiguous } from '../../src/check/map/contiguous.ts';
import { linearMap } from '../../src/check/map/linear-map.ts';
import type { Violation } from '../../src/check/violation.ts';
import { granules } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { allocateFrame, FRAME_TABLE, freeFrame } from '../../src/hardware/memory/frame.ts';
import { read, wordOf } from '../../src/hardware/memory/memory.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { CAP_ABSENT } from '../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import { variablePa } from '../../src/kernel/kernel.ts';
import { markLinearTextAliasRo } from '../../src/kernel/linear-map/linear-map.ts';
import { rangeSplitToPtes } from '../../src/kernel/linear-map/split.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import {
  PTE_AF,
  PTE_CONT,
  PTE_NG,
  PTE_PXN,
  PTE_RDONLY,
  PTE_SHARED,
  PTE_UXN,
  PTE_VALID,
  PTE_WRITE,
  TABLE_PXN,
} from '../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu, complete } from '../kernel/boot-cpu.ts';

/** What is looked at when a machine has come to rest, on a real linear map that is then edited by hand. */

function atRest(
  granule: (typeof granules)[number] = '4K',
  config: Partial<KernelConfig> = {},
): Booted & { judge(): Violation[] } {
  const board = resizedBoard(defaultBoard, { cpus: 1, memoryBytes: 2 ** 30, granule });
  const booted = bootCpu(board, config);
  const { memory, cpu, k } = booted;
  complete(markLinearTextAliasRo(cpu, k));
  memory.words[wordOf(memory, variablePa(k, 'system_state'))] = 1n;
  const machine = { board, layout: cpu.layout, memory };
  return {
    ...booted,
    judge: () => [linearMap, contiguous, leak].flatMap((property) => property.atRest!(machine, k)),
  };
}

/** Index of the word of the leaf that maps physical address `pa`, and its level. */
function leafOf({ memory, k }: Booted, pa: number): { word: number; level: number } {
  const va = physToVirt(k.space, pa);
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; ; level++) {
    const entry = entryOffset(k.space, level, table, va);
    const value = read(memory, entry);
    if (level === 3 || (value & 3n) === 1n) return { word: wordOf(memory, entry), level };
    table = Number(value & 0x0000_ffff_ffff_f000n);
  }
}

describe.each(granules)('%s granule', (granule) => {
  test('a map that is as it should be is silent', () => expect(atRest(granule).judge()).toEqual([]));

  const MiB = 2 ** 20;
  const EDITS: readonly [string, string, number, (old: bigint) => bigint, RegExp][] = [
    ['a leaf goes elsewhere', 'linear-map', 900 * MiB, (old) => old ^ (1n << 35n), /goes to 0x.* instead of 0x/],
    ['a leaf is executable', 'linear-map', 900 * MiB, (old) => old & ~PTE_PXN, /./],
    [
      'a leaf is read-only',
      'linear-map',
      900 * MiB,
      (old) => (old & ~PTE_WRITE) | PTE_RDONLY,
      /is read-only, though nobody made it so/,
    ],
    ['a leaf is not global', 'linear-map', 900 * MiB, (old) => old | PTE_NG, /is not global$/],
    ['a leaf has no AF', 'linear-map', 900 * MiB, (old) => old & ~PTE_AF, /lacks AF, UXN or inner shareability$/],
    ['a leaf has no UXN', 'linear-map', 900 * MiB, (old) => old & ~PTE_UXN, /lacks AF, UXN or inner shareability$/],
    ['a leaf is not shared', 'linear-map', 900 * MiB, (old) => old & ~PTE_SHARED, /lacks AF, UXN or inner/],
    ['a leaf is a device', 'linear-map', 900 * MiB, (old) => old | (4n << 2n), /is not normal memory$/],
    ['RAM is not mapped', 'linear-map', 900 * MiB, (old) => old & ~PTE_VALID, /which is RAM, is not mapped/],
    [
      'text is writable',
      'linear-map',
      4 * MiB,
      (old) => (old & ~PTE_RDONLY) | PTE_WRITE,
      /kernel text or rodata writable/,
    ],
  ];
  test.each(EDITS)('%s: %s', (name, property, offset, edit, message) => {
    const rest = atRest(granule);
    const { base } = rest.k.board.memory[0]!;
    const { word, level } = leafOf(rest, base + offset);
    const tables = rest.memory.words;
    tables[word] = edit(tables[word]!);
    const found = rest.judge().filter((violation) => violation.property === property);
    if (name === 'a leaf is executable') {
      expect(found).toEqual([]); // PXNTable above it withholds that
      for (let i = 0; i < tables.length; i++)
        if ((tables[i]! & 3n) === 3n && (tables[i]! & TABLE_PXN) !== 0n) tables[i]! &= ~TABLE_PXN;
      expect(rest.judge().some(({ message: text }) => text.endsWith('is executable'))).toBe(true);
      return;
    }
    expect(level).toBeGreaterThan(0);
    expect(found.map(({ message: text }) => text).join('\n')).toMatch(message);
    expect(found[0]).toMatchObject({ cpu: -1, step: -1 });
  });

  test('a contiguous group with one odd member is caught', () => {
    const rest = atRest(granule);
    const { base, bytes } = rest.k.board.memory[0]!;
    for (let pa = base; pa < base + bytes; pa += 2 ** 20) {
      const { word } = leafOf(rest, pa);
      if ((rest.memory.words[word]! & PTE_CONT) === 0n) continue;
      rest.memory.words[word]! &= ~PTE_CONT;
      const found = rest.judge();
      expect(found.length).toBeGreaterThan(0);
      expect(found[0]).toMatchObject({ property: 'contiguous' });
      expect(found[0]!.message).toMatch(/has the contiguous bit, but is no whole group$/);
      return;
    }
    expect.fail('no contiguous leaf');
  });
});

test('with kpti a leaf that is global is caught, and none as it was made', () => {
  const rest = atRest('4K', { kpti: true });
  expect(rest.judge()).toEqual([]);
  const { word } = leafOf(rest, rest.k.board.memory[0]!.base + 2 ** 29);
  rest.memory.words[word]! &= ~PTE_NG;
  expect(
    rest
      .judge()
      .map(({ message }) => message)
      .join(),
  ).toMatch(/is global, beside a kernel that is not \(kpti\)/);
});

describe('what a repaint leaves', () => {
  /** As after a repaint: made for BBML2, which the system turned out not to have. */
  function repainted() {
    const rest = atRest('4K');
    for (const [name, value] of [
      ['linear_map_requires_bbml2', 1n],
      ['cpu_hwcaps_bbml2_noabort', CAP_ABSENT],
    ] as const)
      rest.memory.words[wordOf(rest.memory, variablePa(rest.k, name))] = value;
    const { space } = rest.k;
    const halves = [
      [space.pageOffset, physToVirt(space, space.text)],
      [physToVirt(space, space.initBegin), space.pageEnd],
    ] as const;
    for (const [start, end] of halves)
      expect(complete(rangeSplitToPtes(rest.cpu, rest.k, start, end, 'kernel'))).toBe(0);
    return rest;
  }

  test('is pages but for the alias of the kernel, which may be blocks', () => {
    const rest = repainted();
    expect(leafOf(rest, rest.k.space.text + 2 ** 21).level).toBe(2);
    expect(rest.judge().filter(({ property }) => property === 'linear-map')).toEqual([]);
  });

  test('and no contiguous group', () => {
    const rest = repainted();
    const first = rest.k.board.memory[0]!.base + 2 ** 29;
    for (let i = 0; i < 16; i++) rest.memory.words[leafOf(rest, first + i * 4096).word]! |= PTE_CONT;
    const found = rest.judge();
    expect(found.map(({ property }) => property)).toEqual(['linear-map']);
    expect(found[0]!.message).toMatch(/is still made of blocks or contiguous groups/);
  });
});

describe('tables', () => {
  test('that are allocated and hang nowhere are a leak', () => {
    const rest = atRest();
    const lost = allocateFrame(rest.memory, FRAME_TABLE);
    expect(rest.judge()).toMatchObject([{ property: 'leak', message: '1 allocated table pages hang nowhere' }]);
    freeFrame(rest.memory, lost);
    expect(rest.judge()).toEqual([]);
  });
});

test('a machine that never came up is not asked for its map', () => {
  const rest = atRest();
  rest.memory.words[wordOf(rest.memory, variablePa(rest.k, 'system_state'))] = 0n;
  const { word } = leafOf(rest, rest.k.board.memory[0]!.base + 2 ** 29);
  rest.memory.words[word] = 0n;
  expect(rest.judge().filter(({ property }) => property === 'linear-map')).toEqual([]);
});
