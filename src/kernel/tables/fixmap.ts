import { MiB } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { read } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import type { AddressSpace } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { tableVa } from '../linear-map/split.ts';
import { setEntry } from './lazy-mmu.ts';
import { entryOffset } from './pagewalk.ts';
import { type Prot, PTE_ADDRESS } from './pgtable-prot.ts';
import { tableAllocKernel } from './table-alloc.ts';
import { flushTlbKernelRange } from './tlbflush.ts';

/**
 * Slots at fixed addresses, each for a page that is mapped for a moment, in any context. Linux: arch/arm64/mm/fixmap.c,
 * arch/arm64/include/asm/fixmap.h. What the kernel writes of its own tables and text through such slots goes through a window of
 * the machine's instead (`FIXMAP`), which has no entries of its own.
 */

/** Since 6.9. */
const FIXADDR_TOP = -8 * MiB;
const MAX_FDT_BYTES = 2 * MiB;
/** From FIX_HOLE, which is 0, to FIX_FDT there is the device tree, and a page more. */
const FDT_END = 1;
/** FIX_EARLYCON_MEM_BASE and FIX_TEXT_POKE0 come between (CONFIG_KVM is off, which has FIX_VNCR there). */
const SLOTS_AFTER_FDT = 3;

/** Linux: __fix_to_virt(FIX_APEI_GHES_IRQ): where the record of a hardware error is read that an interrupt reports. */
export function fixApeiGhesIrq({ granule: { pageBytes } }: AddressSpace): number {
  const fixFdt = FDT_END + Math.ceil(MAX_FDT_BYTES / pageBytes) + 1;
  return FIXADDR_TOP - (fixFdt + SLOTS_AFTER_FDT) * pageBytes;
}

/**
 * Linux: early_fixmap_init(): the tables that lead to the slots are there, and stay. Linux has them in its image, from the beginning;
 * here they are allocated by whoever needs a slot. Returns 0 or -ENOMEM. May sleep.
 */
export function* earlyFixmapInit(cpu: Cpu, k: Kernel, va: number): Op<number> {
  let table = k.symbols.swapperPgDir;
  for (let level: number = k.space.startLevel; level < 3; level++) {
    table = yield* tableAllocKernel(cpu, k, tableVa(k, table) + entryOffset(k.space, level, 0, va));
    if (table < 0) return table;
  }
  return 0;
}

/** Linux: __set_fixmap(): the slot at `va` leads to `pa` from here on. In no section of lazy MMU mode of its own. */
export function* setFixmap(cpu: Cpu, k: Kernel, va: number, pa: number, prot: Prot): Op {
  yield* setEntry(cpu, k, fixmapPte(cpu, k, va), BigInt(pa) | prot);
}

/** Linux: clear_fixmap(), which is __set_fixmap() without a protection. */
export function* clearFixmap(cpu: Cpu, k: Kernel, va: number): Op {
  yield* setEntry(cpu, k, fixmapPte(cpu, k, va), 0n);
  yield* flushTlbKernelRange(cpu, k, va, va + k.space.granule.pageBytes);
}

/** Linux: fixmap_pte(): the address of the entry, which Linux knows without a walk. */
function fixmapPte({ memory }: Cpu, k: Kernel, va: number): number {
  let table = k.symbols.swapperPgDir;
  for (let level: number = k.space.startLevel; level < 3; level++)
    table = Number(read(memory, table + entryOffset(k.space, level, 0, va)) & PTE_ADDRESS);
  return tableVa(k, table) + entryOffset(k.space, 3, 0, va);
}
