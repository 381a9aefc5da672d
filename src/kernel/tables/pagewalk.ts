import { levelBytes, startEntries } from '../../arch/granule.ts';
import type { AddressSpace } from '../address-space.ts';

/** Arithmetic of a page-table walk in software. Linux: include/linux/pgtable.h. */

/** Linux: pgd_addr_end(), pmd_addr_end() ...: the end of the entry's span at `level` that holds `va`, or `end`. */
export function addrEnd(space: AddressSpace, level: number, va: number, end: number): number {
  const bytes = levelBytes(space.granule, level);
  return Math.min(Math.floor(va / bytes) * bytes + bytes, end);
}

/** Linux: pgd_offset(), pmd_offset() ...: the address of the entry for `va` in the table whose page lies at `table`. */
export function entryOffset(space: AddressSpace, level: number, table: number, va: number): number {
  const { granule } = space;
  const entries = level === space.startLevel ? startEntries(granule, space.vaBits) : granule.entriesPerTable;
  const index = Math.floor(va / levelBytes(granule, level)) % entries;
  return table + (index < 0 ? index + entries : index) * 8;
}

/** Entries of the same table behind the one for `va` that a walk up to `end` still looks at. */
export function entriesAfter(space: AddressSpace, level: number, va: number, end: number): number {
  const { granule, startLevel, vaBits } = space;
  const bytes = levelBytes(granule, level);
  const entries = level === startLevel ? startEntries(granule, vaBits) : granule.entriesPerTable;
  const here = Math.floor(va / bytes) % entries;
  const inTable = entries - 1 - (here < 0 ? here + entries : here);
  return Math.min(inTable, Math.ceil((end - (Math.floor(va / bytes) + 1) * bytes) / bytes));
}
