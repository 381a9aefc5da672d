import {
  PTE_ADDRESS,
  PTE_AF,
  PTE_CONT,
  PTE_DIRTY,
  PTE_RDONLY,
  PTE_USER,
  PTE_VALID,
  PTE_WRITE,
} from './pgtable-prot.ts';

/**
 * Entries of last-level tables of user mappings, as values. Linux: arch/arm64/include/asm/pgtable.h. Such an entry is dirty
 * if hardware says so (writable, and not read-only), or if software does.
 */

export const pteValid = (pte: bigint): boolean => (pte & PTE_VALID) !== 0n;
export const pteUser = (pte: bigint): boolean => (pte & PTE_USER) !== 0n;
export const pteCont = (pte: bigint): boolean => (pte & PTE_CONT) !== 0n;
export const pteYoung = (pte: bigint): boolean => (pte & PTE_AF) !== 0n;
export const pteWrite = (pte: bigint): boolean => (pte & PTE_WRITE) !== 0n;
const pteHwDirty = (pte: bigint): boolean => pteWrite(pte) && (pte & PTE_RDONLY) === 0n;
export const pteDirty = (pte: bigint): boolean => pteHwDirty(pte) || (pte & PTE_DIRTY) !== 0n;

/** Physical address of the page. */
export const ptePa = (pte: bigint): number => Number(pte & PTE_ADDRESS);
/** Linux: pte_pgprot(): all but the address. */
export const ptePgprot = (pte: bigint): bigint => pte & ~PTE_ADDRESS;

export const pteMkyoung = (pte: bigint): bigint => pte | PTE_AF;
export const pteMkold = (pte: bigint): bigint => pte & ~PTE_AF;
export const pteMkclean = (pte: bigint): bigint => (pte & ~PTE_DIRTY) | PTE_RDONLY;
export const pteMkcont = (pte: bigint): bigint => pte | PTE_CONT;
export const pteMknoncont = (pte: bigint): bigint => pte & ~PTE_CONT;

export function pteMkdirty(pte: bigint): bigint {
  const dirty = pte | PTE_DIRTY;
  return pteWrite(pte) ? dirty & ~PTE_RDONLY : dirty;
}

/** What hardware said of it, software has to remember: the bits that said so mean something else from here on. */
export function pteWrprotect(pte: bigint): bigint {
  const kept = pteHwDirty(pte) ? pte | PTE_DIRTY : pte;
  return (kept & ~PTE_WRITE) | PTE_RDONLY;
}

/** Linux: pte_mkwrite_novma(). */
export function pteMkwrite(pte: bigint): bigint {
  const writable = pte | PTE_WRITE;
  return (pte & PTE_DIRTY) === 0n ? writable : writable & ~PTE_RDONLY;
}
