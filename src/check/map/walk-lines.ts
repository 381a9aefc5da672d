import type { Memory } from '../../hardware/memory/memory.ts';
import { read } from '../../hardware/memory/memory.ts';
import { isTableAt } from '../../hardware/memory/table-word.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { entryName } from '../../kernel/tables/entry-text.ts';
import { entryOffset } from '../../kernel/tables/pagewalk.ts';
import { PTE_ADDRESS } from '../../kernel/tables/pgtable-prot.ts';
import { describeDescriptor } from '../wording.ts';

/** The entries that a walk for `va` from the root table at `rootPa` meets, as memory holds them now: one line each. */
export function walkLines(memory: Memory, { space }: Kernel, rootPa: number, va: number): string[] {
  const lines: string[] = [];
  let table = rootPa;
  for (let level: number = space.startLevel; level <= 3; level++) {
    const value = read(memory, entryOffset(space, level, table, va));
    lines.push(`${entryName(level, space.startLevel)}  ${describeDescriptor(value, level, va, space)}`);
    if (!isTableAt(value, level)) break;
    table = Number(value & PTE_ADDRESS);
  }
  return lines;
}
