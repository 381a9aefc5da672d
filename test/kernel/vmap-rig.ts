import { type Granule, levelBytes } from '../../src/arch/granule.ts';
import type { Granule as GranuleName } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DSBS, ISBS, TLBIS } from '../../src/hardware/counters.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { read } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import { type LeafRange, ranges } from '../../src/kernel/ptdump/ptdump.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import { PTE_ADDRESS } from '../../src/kernel/tables/pgtable-prot.ts';
import { vmAreaStart } from '../../src/kernel/vmalloc/vm-area.ts';
import { type Booted, bootCpu, complete } from './boot-cpu.ts';

/** A kernel that has come up on one CPU, with RAM to make vmalloc areas of. */
export interface VmapRig extends Booted {
  readonly granule: Granule;
  readonly page: number;
  readonly pmd: number;
  /** Where the first area begins, and RAM as aligned as a block needs it, not far from the end of it. */
  readonly va: number;
  readonly pa: number;
}

export function vmapRig(
  granule: GranuleName = '4K',
  config: Partial<KernelConfig> = {},
  board = 'symmetric-8',
): VmapRig {
  const sized = resizedBoard(boardPresets.get(board)!, { cpus: 1, memoryBytes: 4 * 2 ** 30, granule });
  const booted = bootCpu(sized, config);
  complete(finaliseSystemCapabilities(booted.cpu, booted.k));
  const { space } = booted.k;
  return {
    ...booted,
    granule: space.granule,
    page: space.granule.pageBytes,
    pmd: levelBytes(space.granule, 2),
    va: vmAreaStart(space, 0),
    pa: 0x8000_0000,
  };
}

/** What is mapped behind the image. */
export function mapped({ memory, tree, va }: VmapRig): LeafRange[] {
  return ranges(memory, tree).filter((range) => range.va >= va);
}

/** Where the kernel reaches the last-level entry for `va`, whose tables are there. */
export function pteVa({ memory, k }: Booted, va: number): number {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; level < 3; level++)
    table = Number(read(memory, entryOffset(k.space, level, table, va)) & PTE_ADDRESS);
  return physToVirt(k.space, entryOffset(k.space, 3, table, va));
}

/** Barriers and TLBIs of an operation: `8 DSB 8 ISB 0 TLBI`. */
export function cost(cpu: Cpu, operation: Op<unknown>): string {
  const { counts } = cpu;
  const before = [DSBS, ISBS, TLBIS].map((at) => counts[at]!);
  complete(operation);
  const [dsb, isb, tlbi] = [DSBS, ISBS, TLBIS].map((at, i) => counts[at]! - before[i]!);
  return `${dsb} DSB ${isb} ISB ${tlbi} TLBI`;
}
