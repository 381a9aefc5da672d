import { formatSize } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import { isTableAt } from '../../hardware/memory/table-word.ts';
import type { AddressSpace } from '../address-space.ts';
import { virtToPhys } from '../address-space.ts';
import { PTE_ADDRESS, PTE_CONT, PTE_PXN, PTE_RDONLY, PTE_USER, PTE_VALID, PTE_WRITE } from './pgtable-prot.ts';

/** Entries of page tables as a kernel engineer reads them. */

/** What Linux calls an entry of that level: PGD where the walk starts. */
export function entryName(level: number, startLevel: number): string {
  return level === startLevel ? 'PGD' : (['PGD', 'PUD', 'PMD', 'PTE'][level] ?? 'entry');
}

/**
 * A descriptor that translates `va` at `level`, decoded: `table 0x5ffe9000`, `2M block RW NX CONT`, `page RO X`. The
 * output address is left out where it is the one that the linear map promises.
 */
export function entryText(value: bigint, level: number, va: number, space: AddressSpace): string {
  if ((value & PTE_VALID) === 0n) return value === 0n ? 'nothing' : `invalid 0x${value.toString(16)}`;
  const pa = Number(value & PTE_ADDRESS);
  if (isTableAt(value, level)) return `table 0x${pa.toString(16)}`;
  const inPlace = va >= space.pageOffset && va < space.pageEnd && virtToPhys(space, va) === pa;
  return [
    level === 3 ? 'page' : `${formatSize(levelBytes(space.granule, level))} block`,
    ...(inPlace ? [] : [`0x${pa.toString(16)}`]),
    dataRights(value),
    (value & PTE_PXN) === 0n ? 'X' : 'NX',
    ...((value & PTE_CONT) === 0n ? [] : ['CONT']),
  ].join(' ');
}

/** A user page that may be written but has not been is read-only in its descriptor, until hardware makes it dirty. */
function dataRights(value: bigint): string {
  if ((value & PTE_WRITE) === 0n) return 'RO';
  if ((value & PTE_RDONLY) === 0n) return 'RW';
  return (value & PTE_USER) === 0n ? 'RO' : 'RW clean';
}
