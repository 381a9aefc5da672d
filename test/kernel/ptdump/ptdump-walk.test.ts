import { describe, expect, test } from 'vitest';
import { levelBytes } from '../../../src/arch/granule.ts';
import { granules } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { createPgdMapping } from '../../../src/kernel/linear-map/linear-map.ts';
import { leaves } from '../../../src/kernel/ptdump/ptdump.ts';
import { ptdumpCheckWx, ptdumpWalk } from '../../../src/kernel/ptdump/ptdump-walk.ts';
import {
  PAGE_KERNEL,
  PAGE_KERNEL_RO,
  PAGE_KERNEL_ROX,
  PTE_PXN,
  PTE_UXN,
} from '../../../src/kernel/tables/pgtable-prot.ts';
import { vmallocArea } from '../../../src/scenario/ptdump/ptdump-area.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { bootAll, interleave } from '../interleaved.ts';
import { recorded } from '../recorded.ts';

function board(cpus: number, granule: (typeof granules)[number] = '4K') {
  const memoryBytes = granule === '64K' ? 2 ** 30 : 2 ** 26;
  return resizedBoard(boardPresets.get('symmetric-8')!, { cpus, memoryBytes, granule });
}

describe('a dump', () => {
  test.each(granules)('finds what somebody outside the machine sees: %s granule', (granule) => {
    const { cpu, k, memory, tree } = bootCpu(board(1, granule));
    const found: string[] = [];
    complete(ptdumpWalk(cpu, k, k.space.pageOffset, 0, (va, level, value) => found.push(`${va} ${level} ${value}`)));
    expect(found.length).toBeGreaterThan(5);
    expect(found).toEqual([...leaves(memory, tree)].map(({ va, level, descriptor }) => `${va} ${level} ${descriptor}`));
  });

  test('looks at the range it was given, and no further', () => {
    const { cpu, k } = bootCpu(board(1));
    const found: number[] = [];
    const bytes = levelBytes(k.space.granule, 2);
    const start = k.space.pageOffset + 4 * bytes;
    complete(ptdumpWalk(cpu, k, start, start + 3 * bytes, (va) => found.push(va)));
    expect(found[0]).toBe(start);
    expect(found.every((va) => va >= start && va < start + 3 * bytes)).toBe(true);
  });

  test('turns the key, then takes the locks, and gives all back', () => {
    const { cpu, k, memory } = bootCpu(board(1));
    const { did } = recorded(
      cpu,
      ptdumpWalk(cpu, k, vmallocArea(k), vmallocArea(k) + 4096, () => {}),
    );
    const [on, off] = [did.indexOf('ic-ivau'), did.lastIndexOf('ic-ivau')];
    expect(off).toBeGreaterThan(on);
    expect(did.slice(on, off).filter((each) => each === 'rmw').length).toBeGreaterThanOrEqual(8);
    for (const name of ['arm64_ptdump_lock_key', 'init_mm.mmap_lock', 'mem_hotplug_lock', 'jump_label_mutex'] as const)
      expect(read(memory, variablePa(k, name)), name).toBe(0n);
  });

  test('by several CPUs at once breaks no rule of locks', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { cpus, kernels, violations } = bootAll(board(3), {}, seed);
      const start = vmallocArea(kernels[0]!);
      const programs = cpus.map((cpu, id): Op => ptdumpWalk(cpu, kernels[id]!, start, start + 4096, () => {}));
      interleave(programs, seed);
      expect(violations).toEqual([]);
    }
  });
});

describe('ptdump_check_wx()', () => {
  test('finds nothing in a kernel as it boots', () => {
    const { cpu, k } = bootCpu(board(1));
    expect(complete(ptdumpCheckWx(cpu, k))).toEqual({ wx: 0, uxn: 0 });
  });

  test('counts pages that are writable and executable, and pages that user space may execute', () => {
    const { cpu, k } = bootCpu(board(1));
    const { pageBytes } = k.space.granule;
    const flags = { noBlock: true, noCont: true };
    const [va, pa] = [vmallocArea(k), k.space.memstart + 8 * 2 ** 21];
    const map = (first: number, pages: number, prot: bigint): void => {
      const { swapperPgDir } = k.symbols;
      complete(createPgdMapping(cpu, k, swapperPgDir, pa, va + first * pageBytes, pages * pageBytes, prot, flags));
    };
    map(0, 3, PAGE_KERNEL & ~PTE_PXN);
    map(3, 2, PAGE_KERNEL_RO & ~PTE_UXN);
    map(5, 4, PAGE_KERNEL_ROX);
    map(9, 1, PAGE_KERNEL & ~(PTE_PXN | PTE_UXN));
    expect(complete(ptdumpCheckWx(cpu, k, va, va + 16 * pageBytes))).toEqual({ wx: 4, uxn: 3 });
  });
});
