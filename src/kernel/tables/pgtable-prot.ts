import { ENTRY, LEAF, TABLE } from '../../arch/descriptor.ts';
import { maskOf } from '../../arch/field.ts';

/** Page protections as the kernel spells them. Linux: arch/arm64/include/asm/pgtable-prot.h, pgtable-hwdef.h. */

/** Indices into MAIR_EL1. */
export const MT_NORMAL = 0n;
export const MT_NORMAL_TAGGED = 1n;

export const PTE_VALID = maskOf(ENTRY.VALID);
export const PTE_TYPE_PAGE = maskOf(ENTRY.TYPE);
/** AP[1]: EL0 may use it. */
export const PTE_USER = 1n << 6n;
export const PTE_RDONLY = 1n << 7n;
export const PTE_SHARED = 3n << 8n;
export const PTE_AF = maskOf(LEAF.AF);
export const PTE_NG = maskOf(LEAF.nG);
export const PTE_WRITE = maskOf(LEAF.DBM);
export const PTE_CONT = maskOf(LEAF.Contiguous);
export const PTE_PXN = maskOf(LEAF.PXN);
export const PTE_UXN = maskOf(LEAF.UXN);
/** The software's own dirty bit, for entries that are not writable any more. */
export const PTE_DIRTY = 1n << 55n;
export const PTE_ATTRINDX = maskOf(LEAF.AttrIndx);
export const PTE_ADDRESS = 0x0000_ffff_ffff_f000n;

/** Of an invalid entry: it has an address and attributes, and may become valid again. The bit is nG's, which it has not. */
export const PTE_PRESENT_INVALID = PTE_NG;

export const TABLE_TYPE = PTE_VALID | PTE_TYPE_PAGE;
export const TABLE_PXN = maskOf(TABLE.PXNTable);
export const TABLE_UXN = maskOf(TABLE.UXNTable);

/** Linux: pte_present(), pmd_present(): valid, or taken away for a while. */
export function isPresent(value: bigint): boolean {
  return (value & (PTE_VALID | PTE_PRESENT_INVALID)) !== 0n;
}

/** Linux: pud_table(), pmd_table(): above the last level, an entry that leads to a table. */
export function isTableEntry(value: bigint): boolean {
  return (value & TABLE_TYPE) === TABLE_TYPE;
}

/** A protection: everything of a leaf but its address, type bit included for pages. */
export type Prot = bigint;

const PROT_DEFAULT = PTE_VALID | PTE_TYPE_PAGE | PTE_AF | PTE_SHARED;

export const PAGE_KERNEL: Prot = PROT_DEFAULT | PTE_PXN | PTE_UXN | PTE_WRITE | (MT_NORMAL << 2n);
export const PAGE_KERNEL_RO: Prot = (PAGE_KERNEL & ~PTE_WRITE) | PTE_RDONLY;
export const PAGE_KERNEL_EXEC: Prot = PAGE_KERNEL & ~PTE_PXN;
export const PAGE_KERNEL_ROX: Prot = PAGE_KERNEL_RO & ~PTE_PXN;
/** The linear map proper: pgprot_tagged(PAGE_KERNEL). */
export const PAGE_KERNEL_TAGGED: Prot = (PAGE_KERNEL & ~PTE_ATTRINDX) | (MT_NORMAL_TAGGED << 2n);

/** Linux: PTE_MAYBE_NG. With page-table isolation kernel entries are not global, so that a user's ASID does not find them. */
export function maybeNg({ kpti }: { readonly kpti?: boolean }, prot: Prot): Prot {
  return kpti === true ? prot | PTE_NG : prot;
}

/** Of user pages: writable, but read-only until somebody writes, which makes them dirty; and what cannot be written. */
export const PAGE_SHARED: Prot =
  PROT_DEFAULT | PTE_USER | PTE_RDONLY | PTE_NG | PTE_PXN | PTE_UXN | PTE_WRITE | (MT_NORMAL << 2n);
export const PAGE_READONLY: Prot = PAGE_SHARED & ~PTE_WRITE;

/** Linux: mk_pmd_sect_prot() and the like: the same protection for a block. */
export function blockProt(prot: Prot): Prot {
  return prot & ~PTE_TYPE_PAGE;
}

/** MAIR_EL1 as Linux programs it on a CPU without memory tagging. */
export const MAIR_EL1_SET = 0x0000_0004_0044_ffffn;
