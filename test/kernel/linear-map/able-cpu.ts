import type { Granule } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';

export type Ready = Booted & { readonly va: number; readonly page: number };

/** A CPU with BBML2, alone. `supported`: it is known already that there is nobody without; `va`: a block. */
export function ready(granule: Granule = '4K', supported = true, config: Partial<KernelConfig> = {}): Ready {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 3 * 2 ** 30, granule });
  const machine = bootCpu(board, config);
  if (supported) complete(finaliseSystemCapabilities(machine.cpu, machine.k));
  const va = physToVirt(machine.k.space, granule === '64K' ? 0x8000_0000 : 0x6000_0000);
  return { ...machine, va, page: machine.k.space.granule.pageBytes };
}

export const V7_1 = { revision: '7.1' } as const;
export const LAZY = ['dsb ishst', 'isb'];
export const flushOf = (...tlbis: string[]): string[] => [
  'dsb ishst',
  ...tlbis.map((each) => `tlbi ${each}`),
  'dsb ish',
  'isb',
];
export const ONE_PAGE = flushOf('vaale1is');
