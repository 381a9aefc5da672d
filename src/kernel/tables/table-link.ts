import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { skipInvalid } from '../../hardware/instruction/table-scan.ts';
import { tableGeneration } from '../../hardware/memory/frame.ts';
import { frameOf } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { note } from '../../hardware/trace.ts';
import type { Kernel } from '../kernel.ts';
import { tableVa } from '../linear-map/split.ts';
import { entryOffset } from './pagewalk.ts';
import { PTE_ADDRESS } from './pgtable-prot.ts';

/** How walks in software go from table to table without a lock against whoever frees tables. */

/** The way to a table, as an entry gave it. */
export interface TableLink {
  readonly pa: number;
  /** Of the page, at that moment: should it be freed, its link leads astray. The machine knows this, and no kernel. */
  readonly generation: number;
}

/** The link that an entry holds, which has just been read. */
export function linkOf({ memory }: Cpu, entry: bigint): TableLink {
  return linkTo({ memory }, Number(entry & PTE_ADDRESS));
}

/** Where a walk begins: nobody frees swapper_pg_dir. */
export function swapperLink({ memory }: Cpu, { symbols }: Kernel): TableLink {
  return linkTo({ memory }, symbols.swapperPgDir);
}

function linkTo({ memory }: Pick<Cpu, 'memory'>, pa: number): TableLink {
  return { pa, generation: tableGeneration(memory, frameOf(memory, pa)) };
}

/** Linux: READ_ONCE() of the entry for `va` in a table of `level`. */
export function* readEntry(cpu: Cpu, k: Kernel, table: TableLink, level: number, va: number): Op<bigint> {
  const value = yield* load(cpu, entryVa(k, table, level, va));
  wasRead(cpu, k, table, level, va, value);
  return value;
}

/** The same of the entries from the one for `va` on, up to the first valid one: how many are invalid, at most `count`. */
export function* readInvalid(
  cpu: Cpu,
  k: Kernel,
  table: TableLink,
  level: number,
  va: number,
  count: number,
): Op<number> {
  const invalid = yield* skipInvalid(cpu, entryVa(k, table, level, va), count);
  wasRead(cpu, k, table, level, va);
  return invalid;
}

/** The address of the entry, as the kernel reaches it. */
export function entryVa(k: Kernel, table: TableLink, level: number, va: number): number {
  return tableVa(k, table.pa) + entryOffset(k.space, level, 0, va);
}

function wasRead(cpu: Cpu, { space }: Kernel, table: TableLink, level: number, va: number, value = 0n): void {
  const pa = entryOffset(space, level, table.pa, va);
  if (tableGeneration(cpu.memory, frameOf(cpu.memory, pa)) !== table.generation) noteRead(cpu, pa, value);
  cpu.observer.tableRead(cpu, va, pa, table.generation);
}

/** In the trace, which has few of all loads: the entry at `pa` held `value`. */
export function noteRead(cpu: Cpu, pa: number, value: bigint): void {
  cpu.step = note(cpu.trace, 'load', 0, pa, value, pa);
}
