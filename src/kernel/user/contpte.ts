import { alignDown, isAligned } from '../../arch/address.ts';
import { contiguousRun } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { compareAndSwap, load, store, swap } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import type { Kernel } from '../kernel.ts';
import {
  pteCont,
  pteDirty,
  pteMkclean,
  pteMkcont,
  pteMkdirty,
  pteMknoncont,
  pteMkold,
  pteMkyoung,
  ptePa,
  ptePgprot,
  pteValid,
  pteWrprotect,
  pteYoung,
} from '../tables/pte.ts';
import { contPteBytes } from '../tables/set-huge-pte.ts';
import type { Mm } from './mm.ts';
import { flushTlbRange } from './user-tlbflush.ts';

/**
 * Contiguous groups of pages in user mappings, which come and go behind the back of whoever maps pages. Linux:
 * arch/arm64/mm/contpte.c. Whoever changes entries holds the page-table lock; hardware sets Access flag and dirty state
 * besides, of a group in any member. A group goes through invalid when it is converted: who uses it then takes a fault, waits
 * for the lock, and finds it mapped (see user-fault.ts). That is why the kernel's own mappings are not treated so.
 */

/** The sentences of the conversion. A named bug replaces one of them. */
export interface ContpteText {
  /** May old and new entries of a group be cached at the same time? Then nothing is flushed between them (6.17). */
  readonly elidesTlbi: (cpu: Cpu, k: Kernel) => Op<boolean>;
  /** What the whole group becomes, as far as one of its old entries says. */
  readonly gather: (pte: bigint, cleared: bigint) => bigint;
  /** Takes a group apart of which somebody is about to change a part. */
  readonly tryUnfoldPartial: typeof contpteTryUnfoldPartial;
}

export function contPtes(k: Kernel): number {
  return contiguousRun(k.space.granule, 3);
}

/** Address of the first entry of the group that the entry at `ptep` belongs to. */
function contpteAlignDown(k: Kernel, ptep: number): number {
  return alignDown(ptep, contPtes(k) * 8);
}

/** Linux: __set_ptes(): plain stores, each a page further. User entries need no barrier: who does not see them faults. */
export function* setPtesRaw(cpu: Cpu, k: Kernel, ptep: number, pte: bigint, nr: number): Op {
  for (let i = 0; i < nr; i++) yield* store(cpu, ptep + 8 * i, pte + BigInt(i * k.space.granule.pageBytes));
}

/**
 * Linux: set_ptes(): maps `nr` pages from `va` on, the first as `pte` says. One page at a time is what may complete a group;
 * several were not mapped before, so that none can have been part of one.
 */
export function* setPtes(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, pte: bigint, nr: number): Op {
  const single = pteMknoncont(pte);
  if (nr > 1) {
    yield* contpteSetPtes(cpu, k, va, ptep, single, nr);
    return;
  }
  yield* contpteTryUnfold(cpu, k, mm, va, ptep, yield* load(cpu, ptep));
  yield* setPtesRaw(cpu, k, ptep, single, 1);
  yield* contpteTryFold(cpu, k, mm, va, ptep, single);
}

/** Linux: contpte_set_ptes(): whole groups at once where addresses allow it. */
function* contpteSetPtes(cpu: Cpu, k: Kernel, va: number, ptep: number, pte: bigint, nr: number): Op {
  const { pageBytes } = k.space.granule;
  const group = contPteBytes(k);
  for (let done = 0, count: number; done < nr; done += count) {
    const at = va + done * pageBytes;
    const first = pte + BigInt(done * pageBytes);
    count = Math.min(nr - done, (alignDown(at, group) + group - at) / pageBytes);
    const whole = count * pageBytes === group && isAligned(ptePa(first), group);
    yield* setPtesRaw(cpu, k, ptep + 8 * done, whole ? pteMkcont(first) : first, count);
  }
}

/**
 * Linux: contpte_try_fold(). The page just mapped is the last of a group, in virtual and in physical addresses: most pages are
 * mapped in that order, so this is when a group may have become complete. Assumed: it lies within one folio.
 */
export function* contpteTryFold(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, pte: bigint): Op {
  const { pageBytes } = k.space.granule;
  const group = contPteBytes(k);
  if (!isAligned(va + pageBytes, group) || !isAligned(ptePa(pte) + pageBytes, group)) return;
  if (!pteValid(pte) || pteCont(pte)) return;
  const first = contpteAlignDown(k, ptep);
  const prot = ptePgprot(unused(pte));
  const pa = alignDown(ptePa(pte), group);
  for (let i = 0; i < contPtes(k); i++) {
    const expected = BigInt(pa + i * pageBytes) | prot;
    if (unused(yield* load(cpu, first + 8 * i)) !== expected) return;
  }
  yield* contpteConvert(cpu, k, mm, va, ptep, pteMkcont(pte));
}

/** Without what members of a group need not agree on. */
const unused = (pte: bigint): bigint => pteMkold(pteMkclean(pte));

/** Linux: contpte_try_unfold(). `pte`: what stands at `ptep`. */
export function* contpteTryUnfold(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, pte: bigint): Op {
  if (pteValid(pte) && pteCont(pte)) yield* contpteConvert(cpu, k, mm, va, ptep, pteMknoncont(pte));
}

/** Linux: contpte_try_unfold_partial(): the groups at both ends of `nr` entries, where they reach beyond. */
export function* contpteTryUnfoldPartial(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, nr: number): Op {
  const { pageBytes } = k.space.granule;
  const group = contPtes(k) * 8;
  if (!isAligned(ptep, group) || nr < contPtes(k))
    yield* contpteTryUnfold(cpu, k, mm, va, ptep, yield* load(cpu, ptep));
  if (isAligned(ptep + 8 * nr, group)) return;
  const last = ptep + 8 * (nr - 1);
  yield* contpteTryUnfold(cpu, k, mm, va + (nr - 1) * pageBytes, last, yield* load(cpu, last));
}

/**
 * Linux: contpte_convert(). The group around `ptep` becomes `pte`, contiguous or not, dirty and young if any of its entries
 * was. Each entry is cleared by an exchange, for hardware may be changing it at this moment; then nothing more is lost.
 *
 * With BBML2 the TLBI between is left out: the entries are invalid for a while, but old ones may still be cached, and stand
 * beside new ones that differ in the contiguous bit only. Whoever finds both uses either (RNGLXZ, RJQQTC), and is not
 * bothered (no conflict abort); who changes a page later flushes it, which removes both.
 */
export function* contpteConvert(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, pte: bigint): Op {
  const group = contPteBytes(k);
  const first = contpteAlignDown(k, ptep);
  const start = alignDown(va, group);
  let whole = BigInt(alignDown(ptePa(pte), group)) | ptePgprot(pte);
  for (let i = 0; i < contPtes(k); i++)
    whole = k.text.contpte.gather(whole, yield* ptepGetAndClearRaw(cpu, first + 8 * i));
  if (!(yield* k.text.contpte.elidesTlbi(cpu, k)))
    yield* flushTlbRange(cpu, k, mm, start, start + group, k.space.granule.pageBytes, 3, { noWalkCache: true });
  yield* setPtesRaw(cpu, k, first, whole, contPtes(k));
}

function gather(pte: bigint, cleared: bigint): bigint {
  const dirty = pteDirty(cleared) ? pteMkdirty(pte) : pte;
  return pteYoung(cleared) ? pteMkyoung(dirty) : dirty;
}

/** Linux: __ptep_get_and_clear(): xchg. */
function* ptepGetAndClearRaw(cpu: Cpu, ptep: number): Op<bigint> {
  return yield* swap(cpu, ptep, 0n);
}

/** Linux: ptep_get(), contpte_ptep_get(), under the page-table lock: dirty or young if any member of its group is. */
export function* ptepGet(cpu: Cpu, k: Kernel, ptep: number): Op<bigint> {
  let pte = yield* load(cpu, ptep);
  if (!pteValid(pte) || !pteCont(pte)) return pte;
  const first = contpteAlignDown(k, ptep);
  for (let i = 0; i < contPtes(k); i++) pte = k.text.contpte.gather(pte, yield* load(cpu, first + 8 * i));
  return pte;
}

/**
 * Linux: ptep_get_lockless(), contpte_ptep_get_lockless(). Without the lock the group may be converted while it is read: only
 * what holds together is believed, else it begins again.
 */
export function* ptepGetLockless(cpu: Cpu, k: Kernel, ptep: number): Op<bigint> {
  for (;;) {
    const pte = yield* load(cpu, ptep);
    if (!pteValid(pte) || !pteCont(pte)) return pte;
    const gathered = yield* gatherConsistent(cpu, k, ptep, pte);
    if (gathered !== undefined) return gathered;
  }
}

/** `pte` with what its group says of use; undefined where an entry of the group does not belong to it. */
function* gatherConsistent(cpu: Cpu, k: Kernel, ptep: number, pte: bigint): Op<bigint | undefined> {
  const first = contpteAlignDown(k, ptep);
  const step = BigInt(k.space.granule.pageBytes);
  let expected = unused(pte) - BigInt((ptep - first) / 8) * step;
  let gathered = pte;
  for (let i = 0; i < contPtes(k); i++, expected += step) {
    const member = yield* load(cpu, first + 8 * i);
    if (unused(member) !== expected) return undefined;
    gathered = k.text.contpte.gather(gathered, member);
  }
  return gathered;
}

/** Linux: ptep_get_and_clear(): takes one page out of its group first. */
export function* ptepGetAndClear(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number): Op<bigint> {
  yield* contpteTryUnfold(cpu, k, mm, va, ptep, yield* load(cpu, ptep));
  return yield* ptepGetAndClearRaw(cpu, ptep);
}

/**
 * Linux: wrprotect_ptes(), contpte_wrprotect_ptes(). Takes effect with the caller's flush. A group that is covered whole keeps
 * its contiguous bit, and until then its members disagree; one of which a part is covered would go on disagreeing for ever,
 * so it is taken apart first.
 */
export function* wrprotectPtes(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, nr: number): Op {
  yield* k.text.contpte.tryUnfoldPartial(cpu, k, mm, va, ptep, nr);
  for (let i = 0; i < nr; i++) yield* ptepSetWrprotect(cpu, ptep + 8 * i);
}

/** Linux: __ptep_set_wrprotect(): by compare-and-swap, so that a page that hardware makes dirty meanwhile stays so. */
function* ptepSetWrprotect(cpu: Cpu, ptep: number): Op {
  for (let pte = yield* load(cpu, ptep); ; ) {
    const found = yield* compareAndSwap(cpu, ptep, pte, pteWrprotect(pte));
    if (found === pte) return;
    pte = found;
  }
}

/**
 * Linux: contpte_ptep_set_access_flags(), as far as flags go: young, and dirty after a write, which must be allowed. The whole
 * group gets them, so that its other members fault no more. What was read-only may be cached, and is flushed: else the store
 * that is tried again would find it once more.
 */
export function* ptepSetAccessFlags(cpu: Cpu, k: Kernel, mm: Mm, va: number, ptep: number, write: boolean): Op {
  const { pageBytes } = k.space.granule;
  const group = pteCont(yield* load(cpu, ptep));
  const first = group ? contpteAlignDown(k, ptep) : ptep;
  const bytes = group ? contPteBytes(k) : pageBytes;
  for (let i = 0; i < bytes / pageBytes; i++) yield* setAccessFlags(cpu, first + 8 * i, write);
  if (!write) return;
  const start = alignDown(va, bytes);
  yield* flushTlbRange(cpu, k, mm, start, start + bytes, pageBytes, 3, { noWalkCache: true });
}

/** Linux: __ptep_set_access_flags(). */
function* setAccessFlags(cpu: Cpu, ptep: number, write: boolean): Op {
  for (let pte = yield* load(cpu, ptep); ; ) {
    const used = pteMkyoung(write ? pteMkdirty(pte) : pte);
    const found = yield* compareAndSwap(cpu, ptep, pte, used);
    if (found === pte) return;
    pte = found;
  }
}

export const CONTPTE_6_18: ContpteText = {
  elidesTlbi: systemSupportsBbml2Noabort,
  gather,
  tryUnfoldPartial: contpteTryUnfoldPartial,
};
