import { alignUp } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { imageVa, physToVirt } from '../../kernel/address-space.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { createPgdMapping } from '../../kernel/linear-map/linear-map.ts';
import { tableVa } from '../../kernel/linear-map/split.ts';
import { setEntry } from '../../kernel/tables/lazy-mmu.ts';
import { entryOffset } from '../../kernel/tables/pagewalk.ts';
import { blockProt, PAGE_KERNEL, PAGE_KERNEL_RO, PTE_ADDRESS } from '../../kernel/tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../../kernel/tables/tlbflush.ts';
import { walkKernelPageTableRangeLockless } from '../../kernel/tables/walk-range.ts';
import { moduleArea } from '../places.ts';

/** Where tables come and go while somebody dumps them. */

/** Pages that are mapped in each table, and unmapped again before it is freed. */
const PAGES = 4;

/** An address of the vmalloc area, behind the kernel image, at which a PUD entry's span begins. */
export function vmallocArea({ space }: Kernel): number {
  const level = Math.max(1, space.startLevel);
  return alignUp(imageVa(space, space.end), levelBytes(space.granule, level));
}

/** The linear addresses of memory that was plugged in behind all other, and can go again. */
export function hotplugArea({ board, space }: Kernel): number {
  const { base, bytes } = board.memory.at(-1)!;
  return physToVirt(space, alignUp(base + bytes, levelBytes(space.granule, 2)));
}

/** The part of an area that PMD entry `which` of it translates. */
export function slot({ space }: Kernel, area: number, which: number): number {
  return area + which * levelBytes(space.granule, 2);
}

/** Address of the PMD entry for `va`, or of the PUD entry; all tables above it are there. */
export function* pmdEntry(cpu: Cpu, k: Kernel, va: number, of = 2): Op<number> {
  const { space } = k;
  let table = k.symbols.swapperPgDir;
  for (let level: number = space.startLevel; level < of; level++)
    table = Number((yield* load(cpu, tableVa(k, table) + entryOffset(space, level, 0, va))) & PTE_ADDRESS);
  return tableVa(k, table) + entryOffset(space, of, 0, va);
}

/** Pages are mapped at `va`, in a PTE table, and unmapped again: the table stays. Linux: vmap(), vunmap(). */
export function* mapAndUnmap(cpu: Cpu, k: Kernel, va: number): Op {
  const { swapperPgDir } = k.symbols;
  const bytes = PAGES * k.space.granule.pageBytes;
  const flags = { noBlock: true, noCont: true };
  yield* createPgdMapping(cpu, k, swapperPgDir, moduleArea(k).pa, va, bytes, PAGE_KERNEL, flags);
  yield* walkKernelPageTableRangeLockless(cpu, k, va, va + bytes, {
    *blockEntry() {
      return 0;
    },
    *pteEntry({ entry }) {
      yield* setEntry(cpu, k, entry, 0n);
      return 0;
    },
  });
  yield* flushTlbKernelRange(cpu, k, va, va + bytes);
}

/**
 * A block takes the place of the table that is gone, if there is RAM for one: read-only, for the kernel's text may be in it. Linux:
 * pmd_set_huge().
 */
export function* mapBlock(cpu: Cpu, k: Kernel, entry: number): Op {
  const blockBytes = levelBytes(k.space.granule, 2);
  const bank = k.board.memory.find(({ base, bytes }) => alignUp(base, blockBytes) + blockBytes <= base + bytes);
  if (bank === undefined) return;
  yield* setEntry(cpu, k, entry, BigInt(alignUp(bank.base, blockBytes)) | blockProt(PAGE_KERNEL_RO));
}
