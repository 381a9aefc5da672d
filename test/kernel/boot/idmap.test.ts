import { describe, expect, test } from 'vitest';
import { granules } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { type CpuModelName, cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { cpuInstallIdmap, cpuUninstallIdmap, idmapFlag } from '../../../src/kernel/boot/idmap.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { forEachLeaf } from '../../../src/kernel/ptdump/ptdump.ts';
import { PTE_PXN, PTE_RDONLY, PTE_UXN, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { type Booted, bootCpu } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';

function booted(
  model: CpuModelName,
  granule: (typeof granules)[number],
  config: Partial<KernelConfig> = {},
  vaBits?: 39,
): Booted {
  const board = resizedBoard(defaultBoard, { cpus: 1, memoryBytes: 2 ** 28, granule, vaBits });
  return bootCpu({ ...board, cpus: [cpuModels[model]] }, config);
}

/** Everything the idmap translates: from, to, and whether it may be written or executed. */
function idmapOf({ memory, k }: Booted): string[] {
  const found: string[] = [];
  const tree = { rootPa: k.symbols.idmapPgDir, granule: k.space.granule, vaBits: k.space.vaBits, side: 0 } as const;
  forEachLeaf(memory, tree, (va, pa, level, lo, hi) => {
    const descriptor = (BigInt(hi) << 32n) | BigInt(lo);
    const write = (descriptor & PTE_RDONLY) === 0n && (descriptor & PTE_WRITE) !== 0n;
    const execute = (descriptor & PTE_PXN) === 0n;
    expect(descriptor & PTE_UXN).toBe(PTE_UXN);
    expect(level).toBe(3);
    found.push(`${va === pa ? 'itself' : 'elsewhere'} ${va} ${write ? 'W' : '-'}${execute ? 'X' : '-'}`);
  });
  return found.sort();
}

describe.each(granules)('the idmap, %s granule', (granule) => {
  test('is the text, executable and read-only, and the flag, writable, where somebody may have to wait', () => {
    const machine = booted('cortex-x4-r0p3', granule);
    const { k } = machine;
    const flagPage = Math.floor(idmapFlag(k) / k.space.granule.pageBytes) * k.space.granule.pageBytes;
    expect(idmapOf(machine)).toEqual([`itself ${flagPage} W-`, `itself ${k.symbols.idmapText} -X`].sort());
  });

  test.each([
    ['the boot CPU made pages from the start', 'cortex-a520', {}],
    ['nobody will change single pages', 'cortex-x4-r0p3', { rodata: 'off' }],
    ['the map is pages for debug_pagealloc', 'cortex-x4-r0p3', { debugPagealloc: true }],
  ] as const)('has no flag where %s', (_, model, config) => {
    const machine = booted(model, granule, config);
    expect(idmapOf(machine)).toEqual([`itself ${machine.k.symbols.idmapText} -X`]);
  });
});

test('the idmap has tables enough with 39 bits of address', () => {
  expect(idmapOf(booted('cortex-x4-r0p3', '4K', {}, 39))).toHaveLength(2);
});

describe('cpu_install_idmap() and cpu_uninstall_idmap()', () => {
  test('reserve TTBR0, flush this CPU, and only then install', () => {
    const { cpu, k } = booted('cortex-x4-r0p3', '4K');
    expect(recorded(cpu, cpuInstallIdmap(cpu, k)).did).toEqual([
      'msr',
      'isb',
      'dsb nshst',
      'tlbi vmalle1',
      'dsb nsh',
      'isb',
      'msr',
      'isb',
      'mark',
    ]);
    expect(cpu.regime0!.root).toBe(k.symbols.idmapPgDir);
    expect(recorded(cpu, cpuUninstallIdmap(cpu, k)).did).toEqual([
      'msr',
      'isb',
      'dsb nshst',
      'tlbi vmalle1',
      'dsb nsh',
      'isb',
      'mark',
    ]);
    expect(cpu.regime0!.root).toBe(k.symbols.reservedPgDir);
  });
});
