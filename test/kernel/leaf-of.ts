import { read } from '../../src/hardware/memory/memory.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import { PTE_ADDRESS, PTE_TYPE_PAGE, PTE_VALID } from '../../src/kernel/tables/pgtable-prot.ts';
import type { Booted } from './boot-cpu.ts';

/** The leaf that translates an address, or the entry that does not. */
export interface Leaf {
  readonly level: number;
  readonly value: bigint;
}

export function leafOf(machine: Booted, va: number): Leaf {
  const { level, value } = entryOf(machine, va);
  return { level, value };
}

/** The same, and the physical address of the entry. */
export function entryOf({ memory, k }: Booted, va: number): Leaf & { readonly pa: number } {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel as number; ; level++) {
    const pa = entryOffset(k.space, level, table, va);
    const value = read(memory, pa);
    const isTable = level < 3 && (value & (PTE_VALID | PTE_TYPE_PAGE)) === (PTE_VALID | PTE_TYPE_PAGE);
    if (!isTable) return { level, value, pa };
    table = Number(value & PTE_ADDRESS);
  }
}
