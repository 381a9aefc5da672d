import { describe, expect, test } from 'vitest';
import { granules } from '../../src/hardware/board.ts';
import { defaultBoard } from '../../src/hardware/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import { store } from '../../src/hardware/load-store.ts';
import { read } from '../../src/hardware/memory.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { setPageRo, setPageRw } from '../../src/kernel/pageattr.ts';
import { entryOffset } from '../../src/kernel/pagewalk.ts';
import { PTE_ADDRESS, PTE_RDONLY, PTE_WRITE } from '../../src/kernel/pgtable-prot.ts';
import { forEachLeaf } from '../../src/kernel/ptdump.ts';
import { rangeSplitToPtes } from '../../src/kernel/split.ts';
import { type Booted, bootCpu, complete } from './boot-cpu.ts';
import { recorded } from './recorded.ts';

const PA = 0x6000_0000;

function booted(granule: (typeof granules)[number], pages: boolean): Booted & { va: number } {
  const result = resizeBoard(defaultBoard, { cpus: 1, memoryBytes: 2 ** 30 + 2 ** 29, granule });
  if (!result.ok) throw new Error(result.problems.join());
  const machine = bootCpu(result.board);
  const { cpu, k } = machine;
  const va = physToVirt(k.space, PA);
  if (pages) complete(rangeSplitToPtes(cpu, k, va, va + k.space.granule.pageBytes, 'kernel'));
  return { ...machine, va };
}

function pteOf({ memory, k }: Booted, va: number): bigint {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; level < 3; level++)
    table = Number(read(memory, entryOffset(k.space, level, table, va)) & PTE_ADDRESS);
  return read(memory, entryOffset(k.space, 3, table, va));
}

describe.each(granules)('permissions of one page, %s granule', (granule) => {
  test('read-only, and back: two bits of one entry, one flush each', () => {
    const machine = booted(granule, true);
    const { cpu, k, va } = machine;
    const { pageBytes } = k.space.granule;
    const before = pteOf(machine, va);
    const next = pteOf(machine, va + pageBytes);
    const flush = ['buffered', 'dsb ishst', 'isb', 'dsb ishst', 'tlbi vaale1is', 'dsb ish', 'isb'];
    const spelled = (did: string[]): string[] => did.map((each) => each.replace(/ 0x.*/, ''));
    const ro = recorded(cpu, setPageRo(cpu, k, va));
    expect(ro.result).toBe(true);
    expect(spelled(ro.did)).toEqual(flush);
    expect(pteOf(machine, va)).toBe((before & ~PTE_WRITE) | PTE_RDONLY);
    expect(pteOf(machine, va + pageBytes)).toBe(next);
    expect(() => complete(store(cpu, va, 1n))).toThrow(/halt/);
    const rw = recorded(cpu, setPageRw(cpu, k, va));
    expect(spelled(rw.did)).toEqual(flush);
    expect(pteOf(machine, va)).toBe(before);
  });

  test('of a page inside a block are refused, and nothing happens', () => {
    const { cpu, k, va } = booted(granule, false);
    const { result, did } = recorded(cpu, setPageRo(cpu, k, va));
    expect(result).toBe(false);
    expect(did).toEqual([]);
  });

  test('of a page of a contiguous group are refused, and nothing happens', () => {
    const { cpu, k, memory, tree } = booted(granule, false);
    const members: number[] = [];
    forEachLeaf(memory, tree, (va, _pa, level, _lo, hi) => {
      if (level === 3 && va < k.space.pageEnd && ((hi >>> 20) & 1) === 1) members.push(va);
    });
    const { result, did } = recorded(cpu, setPageRo(cpu, k, members[Math.floor(members.length / 2)]!));
    expect(result).toBe(false);
    expect(did).toEqual([]);
  });
});
